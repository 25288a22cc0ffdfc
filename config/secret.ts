const SECRET_NAME = /pass(word|wd|phrase)?$|secret|token|^tok$|api[_-]?key|session[_-]?key|private[_-]?key|credential|authorization|cookie/i

/** True for a field whose name says that its value must not be shown: `password`, `api_key`, `sessionToken` … */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}
