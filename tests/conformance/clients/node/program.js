'use strict'
// The verbs of tests/conformance/README.md for two libraries. A library is an object with
//   version, lacks ([row, reason] pairs), errorNumber(error): Kafka's number of an error that a broker answered
//   producer(bootstrap, options): {send(record, done(error, offset)), close()}; an unknown offset is null
//   consume(bootstrap, options, ready, take, ended): until the AbortSignal ended; take(record) prints, unless it says false
//   member(bootstrap, options, take, ended): commits what was taken before it gives partitions away
//   admin(bootstrap): {create, grow, describe, config, remove, offsets, groups, removeGroup, close}

const { Arguments } = require('./arguments')
const { parseRecord, formatRecord, inputLines, say } = require('./lines')

const VERBS = { produce, consume, member, create, grow, describe, config, delete: remove, offsets, groups, delete_group }

async function run(library, [verb, bootstrap, ...words]) {
  if (verb === 'about' && bootstrap === undefined) return about(library)
  const play = VERBS[verb]
  if (play === undefined || bootstrap === undefined) throw new Error('usage: PROGRAM VERB BOOTSTRAP key=value...')
  await play(library, bootstrap, new Arguments(words))
}

function about(library) {
  say('version', library.version)
  for (const [row, reason] of library.lacks) say('not', `${row}: ${reason}`)
}

async function produce(library, bootstrap, given) {
  const options = {
    topic: given.required('topic'),
    codec: given.choice('codec', 'none', 'gzip', 'snappy', 'lz4', 'zstd'),
    acks: given.choice('acks', 'all', '0', '1'),
    idempotence: given.choice('idempotence', 'no', 'yes') === 'yes',
  }
  given.done()
  const producer = await library.producer(bootstrap, options)
  let [index, failure] = [0, null]
  for await (const line of inputLines()) {
    const mine = index++
    await producer.send(parseRecord(line), (error, offset) => {
      failure ??= error
      if (!error) say('acked', mine, offset ?? '-')
    })
  }
  await producer.close()
  if (failure) throw failure
}

async function consume(library, bootstrap, given) {
  const options = { topic: given.required('topic'), partition: given.number('partition'), from: given.position() }
  const { take, ended } = taker(given.number('count'))
  given.done()
  await library.consume(bootstrap, options, () => say('ready'), take, ended)
}

async function member(library, bootstrap, given) {
  const options = {
    topic: given.required('topic'),
    group: given.required('group'),
    assignor: given.choice('assignor', 'range', 'cooperative', 'broker'),
    session: given.number('session_ms', '6000'),
    instance: given.optional('instance', null),
  }
  const count = given.number('count', '-1')
  const { take, ended, end } = taker(count)
  given.done()
  if (count < 0) process.stdin.on('end', end).resume() // it stays until its input ends
  await library.member(bootstrap, options, take, ended)
}

// Prints as many records as are wanted (all of them if the number is negative), then ends.
function taker(wanted) {
  const controller = new AbortController()
  const take = (record) => {
    if (wanted === 0) return false
    say(formatRecord(record))
    if (--wanted === 0) controller.abort()
    return true
  }
  return { take, ended: controller.signal, end: () => controller.abort() }
}

async function administer(library, bootstrap, given, call) {
  given.done()
  const admin = await library.admin(bootstrap)
  try {
    return await call(admin)
  } finally {
    await admin.close()
  }
}

async function create(library, bootstrap, given) {
  const [topic, partitions, configs] = [given.required('topic'), given.number('partitions'), given.configs()]
  await administer(library, bootstrap, given, (admin) => admin.create(topic, partitions, configs))
}

async function grow(library, bootstrap, given) {
  const [topic, partitions] = [given.required('topic'), given.number('partitions')]
  await administer(library, bootstrap, given, (admin) => admin.grow(topic, partitions))
}

async function describe(library, bootstrap, given) {
  const topic = given.required('topic')
  const partitions = await administer(library, bootstrap, given, (admin) => admin.describe(topic))
  for (const { id, leader, replicas, isr } of partitions.sort((a, b) => a.id - b.id)) {
    say('partition', id, 'leader', leader, 'replicas', replicas.join(','), 'isr', isr.join(','))
  }
}

async function config(library, bootstrap, given) {
  const [topic, name] = [given.required('topic'), given.required('name')]
  say('config', await administer(library, bootstrap, given, (admin) => admin.config(topic, name)))
}

async function remove(library, bootstrap, given) {
  const topic = given.required('topic')
  await administer(library, bootstrap, given, (admin) => admin.remove(topic))
}

async function offsets(library, bootstrap, given) {
  const [topic, partition] = [given.required('topic'), given.number('partition')]
  say('offsets', ...(await administer(library, bootstrap, given, (admin) => admin.offsets(topic, partition))))
}

async function groups(library, bootstrap, given) {
  for (const name of await administer(library, bootstrap, given, (admin) => admin.groups())) say('group', name)
}

async function delete_group(library, bootstrap, given) {
  const group = given.required('group')
  await administer(library, bootstrap, given, (admin) => admin.removeGroup(group))
}

// Exits even if the library left a timer or a socket behind, once everything is written.
async function main(library) {
  let code = 0
  try {
    await run(library, process.argv.slice(2))
  } catch (error) {
    const number = library.errorNumber(error)
    if (number != null) say('error', number)
    console.error(String(error.message ?? error).replaceAll('\n', ' / '))
    code = 1
  }
  process.stdout.write('', () => process.exit(code))
}

module.exports = { main }
