'use strict'

// The key=value words of a command line; a word that nobody took is a mistake.
class Arguments {
  constructor(words) {
    this.given = new Map(words.map((word) => {
      const at = word.indexOf('=')
      if (at < 0) throw new Error(`${word} is not key=value`)
      return [word.slice(0, at), word.slice(at + 1)]
    }))
  }

  optional(name, otherwise) {
    const value = this.given.get(name) ?? otherwise
    this.given.delete(name)
    return value
  }

  required(name) {
    const value = this.optional(name)
    if (value === undefined) throw new Error(`${name}= is missing`)
    return value
  }

  number(name, otherwise) {
    const text = otherwise === undefined ? this.required(name) : this.optional(name, otherwise)
    if (!/^-?\d+$/.test(text)) throw new Error(`${name}=${text} is no number`)
    return Number(text)
  }

  // The first of the choices is the default.
  choice(name, ...choices) {
    const value = this.optional(name, choices[0])
    if (!choices.includes(value)) throw new Error(`${name}=${value}: it is one of ${choices.join(', ')}`)
    return value
  }

  // start, end, {offset} or {time}
  position() {
    const text = this.required('from')
    if (text === 'start' || text === 'end') return text
    const [, time, number] = /^(time:)?(\d+)$/.exec(text) ?? []
    if (number === undefined) throw new Error(`from=${text} is no position`)
    return time ? { time: Number(number) } : { offset: Number(number) }
  }

  // The words config.NAME=VALUE.
  configs() {
    const names = [...this.given.keys()].filter((name) => name.startsWith('config.'))
    return Object.fromEntries(names.map((name) => [name.slice('config.'.length), this.optional(name)]))
  }

  done() {
    for (const name of this.given.keys()) throw new Error(`${name}= is not known here`)
  }
}

module.exports = { Arguments }
