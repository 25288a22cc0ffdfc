/** Names of signature algorithms, as the Python library has them that Salt reads certificates with. */
const names = new Map([
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'], ['1.2.840.113549.1.1.5', 'sha1WithRSAEncryption'], ['1.2.840.113549.1.1.14', 'sha224WithRSAEncryption'],
  ['1.2.840.113549.1.1.11', 'sha256WithRSAEncryption'], ['1.2.840.113549.1.1.12', 'sha384WithRSAEncryption'], ['1.2.840.113549.1.1.13', 'sha512WithRSAEncryption'],
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS'], ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'], ['1.2.840.10045.4.3.1', 'ecdsa-with-SHA224'],
  ['1.2.840.10045.4.3.2', 'ecdsa-with-SHA256'], ['1.2.840.10045.4.3.3', 'ecdsa-with-SHA384'], ['1.2.840.10045.4.3.4', 'ecdsa-with-SHA512'],
  ['1.2.840.10040.4.3', 'dsa-with-sha1'], ['2.16.840.1.101.3.4.3.1', 'dsa-with-sha224'], ['2.16.840.1.101.3.4.3.2', 'dsa-with-sha256'],
  ['1.3.101.112', 'ed25519'], ['1.3.101.113', 'ed448'],
])

/** The name of an algorithm, or its number. */
export function signatureName(oid: string): string {
  return names.get(oid) ?? oid
}
