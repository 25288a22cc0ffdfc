const jid = '20250101000000000042'

/** A whole return around the JSON text of its value. */
function around(value: string): string {
  return `{"success":true,"return":${value},"retcode":0,"jid":"${jid}","id":"minion","fun":"test.echo","fun_args":[]}`
}

/** A whole return of harmless value, with other fields. */
function withFields(fields: string): string {
  return `{"success":true,"return":true,"retcode":0,"jid":"${jid}","id":"minion",${fields}}`
}

const functions = Array.from({ length: 40 }, (_, index) => `"a_module_of_the_site.function_${index}"`).join()

const depth = 500
const large = 16 * 1024 * 1024

/** Every kind of value that Salt's msgpack carries, in its one JSON form. */
export const carriedKinds = '{"bytes":{"__bytes__":"/wD+"},"integers":[18446744073709551615,-9223372036854775808,9007199254740993],'
  + '"beyond 64 bits":"1180591620717411303424","floats":[1.0,0.1,-0.0,1e+308,5e-324],"no numbers":["NaN","Infinity","-Infinity"],'
  + '"date":"2025-01-02T03:04:05.678901","constant":{"__constant__":["interop",7]},'
  + '"keys":{"1 (int)":"one","1":"text","null":"none","1.5":"half","2.0":"two","{\\"__bytes__\\":\\"/w==\\"}":"bytes"},'
  + '"text":"grüß 🧂\\u0000\u2028","nothing":[null,"",[],{}]}'

/** Values that have broken returners, as JSON texts: what an object in code could not hold exactly. */
export const hostileReturns: readonly { name: string; json: () => string }[] = [
  { name: 'NUL and other control characters', json: () => around(String.raw`"a\u0000b\u0007\u001b[31m\u007f"`) },
  { name: 'half a surrogate pair', json: () => around(String.raw`"\ud83d and \udc00"`) },
  { name: 'bytes that are no text', json: () => around('{"__bytes__":"//79/A=="}') },
  { name: 'every kind of value that Salt carries', json: () => around(carriedKinds) },
  { name: 'text of many scripts', json: () => around('"żółć 漢字 🧂 \u202e עברית \u2028 \ufeff"') },
  { name: `${depth} levels of nesting`, json: () => around(`${'['.repeat(depth)}${']'.repeat(depth)}`) },
  { name: '16 MiB of text', json: () => around(`"${'x'.repeat(large)}"`) },
  { name: 'keys of prototypes', json: () => around('{"__proto__":{"polluted":true},"constructor":1,"toString":null,"":0}') },
  { name: 'NaN and infinities as text', json: () => around('{"a":"NaN","b":"-Infinity"}') },
  { name: 'integers beyond 2^53', json: () => around('[18446744073709551615,-9223372036854775808]') },
  { name: 'floats at their limits', json: () => around('[1.0,-0.0,5e-324,1.7976931348623157e+308]') },
  { name: 'SQL, shell and format characters', json: () => around(String.raw`"'; DROP TABLE jids; -- $(reboot) ${'`'}id${'`'} %s %n {0} \\ \" \n \r\n"`) },
  { name: 'null', json: () => around('null') },
  { name: 'an empty text', json: () => around('""') },
  {
    name: 'control characters in the other fields',
    json: () => withFields(String.raw`"fun":"test.echo","fun_args":["\u0000",{"\u0000":"\ud83d"}],"user":"sudo_'\u0000\"","metadata":{"\u0000'":"%s\u0000"}`),
  },
  { name: 'a job of forty functions', json: () => withFields(`"fun":[${functions}],"fun_args":[]`) },
]
