/** Certificates on the host's disks (Salt: modules/x509_v2.py); only what reads. */
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { filePath, globPaths } from './file/paths.ts'
import type { BuiltinContext } from './services.ts'
import { commonName, describeCertificate, expiresWithin, isFile, loadCertificate, loadPem, publicKeyOf } from './x509/certificate.ts'
import type { LoadedCertificate } from './x509/certificate.ts'
import { describeRequest, describeRevocations } from './x509/requests.ts'

/** The only entry of a PEM text, or the only one of a type. Undefined when there is none or more. */
function pemEntry(text: string, type: string | null): string | undefined {
  const entries = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----\s+[A-Za-z0-9+/=\s:,-]*?-----END \1-----/g)]
  const fitting = entries.filter(([, kind]) => type === null || type === '' || kind === type)
  return fitting.length === 1 ? fitting[0]?.[0] : undefined
}

async function readEntry(context: BuiltinContext, given: string, type: string | null): Promise<string> {
  const text = (await loadPem(context, given)).bytes.toString('latin1')
  const entry = pemEntry(text, type)
  if (entry !== undefined) return `${entry}\n`
  throw new InvocationError(type === null || type === '' ? 'PEM text not valid' : `PEM does not contain a single entry of type ${type}`)
}

/** What a function gives for each file of a glob; those that are no such file are left out. */
async function forEach<Type>(context: BuiltinContext, pattern: string, read: (path: string) => Promise<Type>): Promise<Record<string, Type>> {
  const found: Record<string, Type> = {}
  for (const path of await globPaths(filePath(context, pattern))) {
    context.signal.throwIfAborted()
    const result = (await isFile(path)) ? await read(path).catch(() => undefined) : undefined
    if (result !== undefined) found[path] = result
  }
  return found
}

function about({ certificate, path }: LoadedCertificate): Record<string, string> {
  const cn = commonName(certificate)
  return { ...(path !== undefined && { path }), ...(cn !== undefined && { cn }) }
}

const certificate = param.text()

export default defineModule<BuiltinContext>({
  name: 'x509',
  functions: {
    read_certificate: defineFunction({
      doc: 'Returns what a certificate says, a path or a PEM text: names, numbers, times, days left, key, fingerprints, extensions.',
      args: { certificate },
      run: async (context: BuiltinContext, args) => describeCertificate((await loadCertificate(context, args.certificate)).certificate),
    }),
    read_certificates: defineFunction({
      doc: 'Returns what the certificates say that a glob stands for: path → what x509.read_certificate returns.',
      args: { glob_path: param.text() },
      run: (context: BuiltinContext, args) => forEach(context, args.glob_path, async (path) => describeCertificate((await loadCertificate(context, path)).certificate)),
    }),
    read_csr: defineFunction({
      doc: 'Returns what a certificate signing request says, a path or a PEM text: key, subject, extensions.',
      args: { csr: param.text() },
      run: (context: BuiltinContext, args) => describeRequest(context, args.csr),
    }),
    read_crl: defineFunction({
      doc: 'Returns what a certificate revocation list says, a path or a PEM text: issuer, times, the numbers of what is revoked.',
      args: { crl: param.text() },
      run: (context: BuiltinContext, args) => describeRevocations(context, args.crl),
    }),
    get_pem_entry: defineFunction({
      doc: 'Returns the only entry of a PEM text or file, or the only one of a type (CERTIFICATE …).',
      args: { text: param.text(), pem_type: param.text(null) },
      run: (context: BuiltinContext, args) => readEntry(context, args.text, args.pem_type),
    }),
    get_pem_entries: defineFunction({
      doc: 'Returns the entries of the PEM files that a glob stands for: path → entry.',
      args: { glob_path: param.text() },
      run: (context: BuiltinContext, args) => forEach(context, args.glob_path, (path) => readEntry(context, path, null)),
    }),
    get_public_key: defineFunction({
      doc: 'Returns the public key of a certificate, a path or a PEM text.',
      args: { key: param.text() },
      run: async (context: BuiltinContext, { key }) => publicKeyOf((await loadCertificate(context, key)).certificate),
    }),
    expires: defineFunction({
      doc: 'Whether a certificate is no longer valid in so many days.',
      args: { certificate, days: param.integer(0) },
      run: async (context: BuiltinContext, args) => expiresWithin((await loadCertificate(context, args.certificate)).certificate, args.days),
    }),
    expired: defineFunction({
      doc: 'Returns path, common name, and whether a certificate is no longer valid.',
      args: { certificate },
      async run(context: BuiltinContext, args) {
        const loaded = await loadCertificate(context, args.certificate)
        return { ...about(loaded), expired: expiresWithin(loaded.certificate, 0) }
      },
    }),
    will_expire: defineFunction({
      doc: 'Returns path, common name, and whether a certificate is no longer valid in so many days.',
      args: { certificate, days: param.integer() },
      async run(context: BuiltinContext, args) {
        const loaded = await loadCertificate(context, args.certificate)
        return { check_days: args.days, ...about(loaded), will_expire: expiresWithin(loaded.certificate, args.days) }
      },
    }),
  },
})
