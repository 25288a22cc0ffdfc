import { defineReturner } from '../contract.ts'
import { openLongLived } from './long-lived.ts'
import { openOneShot } from './one-shot.ts'
import { type Options, options } from './options.ts'

const maxBatch = 50

export default defineReturner<Options>({
  name: 'exec',
  summary: 'Hands returns to a program of any language',
  options,
  delivery: 'at-least-once',
  masterMaySet: ['timeout'],
  isolation: 'process',
  maxBatch,
  // Whoever may publish the smallest job could otherwise run any program here, whatever the site's module lists say.
  siteOnly: ['command', 'cwd', 'env', 'long_lived'],
  // A long-lived program has its time for a batch; it may have to be started first.
  deadlineSeconds: ({ timeout, long_lived: isLongLived }) => (isLongLived ? 2 : maxBatch) * timeout + 5,
  open: (settings, context) => (settings.long_lived ? openLongLived(settings, context) : openOneShot(settings, context)),
})
