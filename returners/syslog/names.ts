/** Numbers of RFC 5424 under the names of Python's module, which Salt's configuration has. `LOG_WARN` is from Salt's documentation. */
export const LEVELS: Readonly<Record<string, number>> = {
  LOG_EMERG: 0, LOG_ALERT: 1, LOG_CRIT: 2, LOG_ERR: 3, LOG_WARNING: 4, LOG_WARN: 4, LOG_NOTICE: 5, LOG_INFO: 6, LOG_DEBUG: 7,
}

/** `LOG_KERN` is the kernel's alone: of a program it means `LOG_USER`, as in syslog(3). */
export const FACILITIES: Readonly<Record<string, number>> = {
  LOG_KERN: 1, LOG_USER: 1, LOG_MAIL: 2, LOG_DAEMON: 3, LOG_AUTH: 4, LOG_SYSLOG: 5, LOG_LPR: 6, LOG_NEWS: 7, LOG_UUCP: 8, LOG_CRON: 9, LOG_AUTHPRIV: 10, LOG_FTP: 11,
  LOG_LOCAL0: 16, LOG_LOCAL1: 17, LOG_LOCAL2: 18, LOG_LOCAL3: 19, LOG_LOCAL4: 20, LOG_LOCAL5: 21, LOG_LOCAL6: 22, LOG_LOCAL7: 23,
}
