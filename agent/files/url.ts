/** `salt://` and other urls, as Salt takes them apart (utils/url.py). */
import { trimSlashes } from '../fileserver/slashes.ts'

const saltScheme = 'salt://'

/** True for a url of the file server. */
export function isSaltUrl(url: string): boolean {
  return url.startsWith(saltScheme)
}

/** The path of a `salt://` url and the environment it names; another url is its own path. */
export function splitEnv(url: string): { path: string; saltenv?: string } {
  if (!isSaltUrl(url)) return { path: url }
  const resource = url.slice(saltScheme.length)
  const [path = '', saltenv] = resource.split(/\?saltenv=(.*)/s)
  if (saltenv !== undefined) return { path, saltenv }
  return { path: resource.split('?env=')[0] ?? resource }
}

/** The url of a path on the file server. */
export function saltUrl(path: string): string {
  return `${saltScheme}${path.replaceAll('\\', '/').replace(/^\/+/, '')}`
}

/** The scheme of a url in lower case; '' for a path. */
export function schemeOf(url: string): string {
  return (/^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(url)?.[1] ?? '').toLowerCase()
}

/** The path of a `file://` url or of a path, without slashes at its end. */
export function localPath(url: string): string {
  const rest = url.replace(/^file:\/\/[^/]*/i, '')
  return rest.length > 1 ? trimSlashes(rest) : rest
}

/** A url for people and logs: without the user and password in it. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1<redacted>@')
}
