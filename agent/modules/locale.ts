import { defineFunction, defineModule, param } from './contract.ts'
import { readText } from './host/files.ts'
import { runProgram } from './host/programs.ts'
import type { BuiltinContext } from './services.ts'

/** Files in which systems keep their locale, with the variable; the first that is there counts. */
const places: readonly [path: string, variable: string][] = [
  ['/etc/locale.conf', 'LANG'],
  ['/etc/default/locale', 'LANG'],
  ['/etc/sysconfig/i18n', 'LANG'],
  ['/etc/sysconfig/language', 'RC_LANG'],
]

/** The system's locale; '' when none is set. */
async function systemLocale(): Promise<string> {
  for (const [path, variable] of places) {
    const text = await readText(path)
    const value = new RegExp(`^${variable}=(.*)$`, 'm').exec(text ?? '')?.[1]
    if (value !== undefined) return value.trim().replaceAll(/["']/g, '')
  }
  return ''
}

async function available(context: BuiltinContext): Promise<string[]> {
  return (await runProgram(context, 'locale', ['-a'])).output.split('\n')
}

/** A name as it is compared: the character set in small letters without marks, what follows it left out. */
function normalised(name: string): string {
  const [, place = '', codeset, charmap] = /^([^.@ ]*)(?:\.([^@ ]*))?(?:@[^ ]*)?(?: (.*))?$/.exec(name.trim()) ?? []
  const [language = '', territory] = place.split('_')
  const plain = (codeset ?? charmap ?? '').toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const modifier = /@([^ ]*)/.exec(name)?.[1]
  return `${language}${territory === undefined ? '' : `_${territory}`}${plain === '' ? '' : `.${plain}`}${modifier === undefined ? '' : `@${modifier}`}`
}

export default defineModule<BuiltinContext>({
  name: 'locale',
  functions: {
    avail: defineFunction({
      doc: 'Whether a locale can be used on the host. Spellings of its character set (utf8, UTF-8) count as the same.',
      args: { locale: param.text() },
      run: async (context: BuiltinContext, { locale }) => {
        const wanted = normalised(locale)
        return (await available(context)).some((name) => normalised(name) === wanted)
      },
    }),
    get_locale: defineFunction({ doc: "Returns the system's locale, such as en_GB.UTF-8; empty when none is set.", run: systemLocale }),
    list_avail: defineFunction({ doc: 'Returns the locales that can be used on the host.', run: available }),
  },
})
