/** Certificates on the host's disks, as the module tls tells of them (Salt: modules/tls.py); only what reads. */
import { defineFunction, defineModule, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'
import { alternativeNames, daysLeft, loadCertificate, nameParts } from './x509/certificate.ts'

export default defineModule<BuiltinContext>({
  name: 'tls',
  functions: {
    cert_info: defineFunction({
      doc: 'Returns what a certificate says, a path or a PEM text: names, times in seconds, days left, fingerprint.',
      args: { cert: param.text(), digest: param.text('sha256') },
      async run(context: BuiltinContext, args) {
        const { certificate } = await loadCertificate(context, args.cert)
        const names = alternativeNames(certificate).map((name) => name.replace(/^[A-Za-z ]+:/, ''))
        return {
          fingerprint: args.digest === 'sha1' ? certificate.fingerprint : args.digest === 'sha512' ? certificate.fingerprint512 : certificate.fingerprint256,
          subject: nameParts(certificate.subject),
          issuer: nameParts(certificate.issuer),
          serial_number: BigInt(`0x${certificate.serialNumber}`).toString(),
          not_before: certificate.validFromDate.getTime() / 1000,
          not_after: certificate.validToDate.getTime() / 1000,
          days_left: daysLeft(certificate),
          ...(names.length > 0 && { subject_alt_names: names }),
        }
      },
    }),
  },
})
