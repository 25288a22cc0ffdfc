/** What functions may do with the master's files and the minion's cache of them (Salt: fileclient.py). */
import type { Value } from '../wire/value.ts'

/** Where and how a file is taken. */
export interface FetchOptions {
  /** The environment, unless the url names one (`?saltenv=`). */
  saltenv: string
  /** Make the directories of the destination. */
  makedirs?: boolean
  /** 1 to 9: the master compresses each part. */
  gzip?: number
  /** A hash of what is wanted, for http(s): a cached file that has it is not downloaded again. */
  sourceHash?: string
  /** False takes any certificate of an https server. */
  verifySsl?: boolean
  /** Ask an http(s) server only for what changed since. */
  useEtag?: boolean
}

/** Which files of a directory are meant: a glob, or `E@` and a regular expression; several in a list. */
export interface FileFilter {
  include?: Value
  exclude?: Value
}

/** One kind of list that a file server has. */
export type ListForm = 'files' | 'dirs' | 'emptyDirs'

/**
 * A client of the file server, the master's or the local one. Its methods reject with a CommandExecutionError for a url or path that
 * cannot be, an answer that makes no sense, a download that keeps going wrong, and when the master cannot be asked.
 */
export interface FileClient {
  /** Takes a `salt://` file to `dest` (a directory keeps its name), '' into the cache. False when it is not there, or its directory is not. */
  getFile(url: string, dest: string, options: FetchOptions): Promise<string | false>
  /** Takes what lies under a `salt://` directory to a directory of this host. Gives the paths it wrote. */
  getDir(url: string, dest: string, options: FetchOptions): Promise<string[]>
  /** Takes any url: `salt://`, `http(s)://` to `dest` or the cache; a file of this host is only named. '' when the directory is missing. */
  getUrl(url: string, dest: string, options: FetchOptions): Promise<string | false>
  /** The content behind any url, at most `limitBytes`; false when it is not there. */
  read(url: string, limitBytes: number, options: FetchOptions): Promise<Buffer | false>
  cacheFile(url: string, options: FetchOptions): Promise<string | false>
  /** Caches what lies under a `salt://` directory. Gives the paths in the cache. */
  cacheDir(url: string, options: FetchOptions & FileFilter & { includeEmpty?: boolean }): Promise<string[]>
  /** Caches all files of an environment. */
  cacheMaster(saltenv: string): Promise<(string | false)[]>
  /** Copies a file of this host into the cache. */
  cacheLocalFile(path: string): Promise<string>
  /** Where it lies in the cache; '' when it is not there. */
  isCached(url: string, saltenv: string): Promise<string>
  /** Where it would lie in the cache. */
  cacheDest(url: string, saltenv: string): string
  list(form: ListForm, saltenv: string, prefix?: string): Promise<string[]>
  links(saltenv: string, prefix?: string): Promise<Value>
  envs(): Promise<string[]>
  /** The files in the cache. */
  listCached(saltenv: string): Promise<string[]>
  /** `{hsum, hash_type}` of a `salt://` file or one of this host; '' and {} when it is not there. */
  hashFile(url: string, saltenv: string): Promise<Value>
  /** The numbers of a stat, the mode first; null when it is not there. */
  statFile(url: string, saltenv: string): Promise<Value[] | null>
  /** Sends a file to the master, as `path` there. False when the master refuses it. */
  push(file: string, path: string[]): Promise<boolean>
}
