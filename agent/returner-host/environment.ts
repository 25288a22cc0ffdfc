/** What of the agent's environment a returner's process may see: nothing that could be a credential. */
const passed = ['PATH', 'HOME', 'LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS']

/** The environment of a returner's process. */
export function cleanEnvironment(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const clean: Record<string, string> = {}
  for (const name of passed) {
    const value = environment[name]
    if (value !== undefined) clean[name] = value
  }
  return clean
}
