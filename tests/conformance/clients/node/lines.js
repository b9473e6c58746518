'use strict'
// Records as lines. A record is {partition, offset, time, key, value, headers}: null bytes are null, a header is
// [name, value] with a name that is text.

const { createInterface } = require('node:readline')

function encodeBytes(data) {
  return data == null ? '-' : 'x' + data.toString('hex')
}

function decodeBytes(text) {
  if (text === '-') return null
  if (!/^x([0-9a-f]{2})*$/.test(text)) throw new Error(`${text.slice(0, 60)} is neither - nor x and hex digits`)
  return Buffer.from(text.slice(1), 'hex')
}

// PARTITION TIME KEY VALUE [NAME:VALUE]...
function parseRecord(line) {
  const [partition, time, key, value, ...headers] = line.split(' ')
  return {
    partition: Number(partition),
    time: time === '-' ? null : Number(time),
    key: decodeBytes(key),
    value: decodeBytes(value),
    headers: headers.map((header) => {
      const [name, text] = header.split(':').map(decodeBytes)
      return [name.toString(), text]
    }),
  }
}

function formatRecord({ partition, offset, time, key, value, headers }) {
  const fields = ['record', partition, offset, time, encodeBytes(key), encodeBytes(value)]
  for (const [name, text] of headers) fields.push(`${encodeBytes(Buffer.from(name))}:${encodeBytes(text)}`)
  return fields.join(' ')
}

function inputLines() {
  return createInterface({ input: process.stdin, crlfDelay: Infinity })
}

function say(...words) {
  process.stdout.write(words.join(' ') + '\n')
}

module.exports = { parseRecord, formatRecord, inputLines, say }
