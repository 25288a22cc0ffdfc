/** Salt's options of a file server that serves directories (`fileserver_backend: roots`). */
export interface FileServerSettings {
  /** Environment → its directories, the first that has a file wins. `__env__` stands for every other environment. */
  roots: Readonly<Record<string, readonly string[]>>
  /** Patterns of paths that are not served: globs on the whole path, and regular expressions anywhere in it. */
  ignoreGlob: readonly string[]
  ignoreRegex: readonly string[]
  /** Bytes of one answer with a file's content. */
  bufferSize: number
  hashType: string
  /** True serves through symbolic links wherever they lead, false only those that stay under the directory. */
  followSymlinks: boolean
  /** True leaves symbolic links out of every list. */
  ignoreSymlinks: boolean
}
