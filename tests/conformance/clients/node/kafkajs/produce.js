'use strict'
// kafkajs sends what it is given in one call as a batch; what comes while a batch is on its way makes the next one.

const { setTimeout: sleep } = require('node:timers/promises')
const { codecs, connect, patient } = require('./connect')

const LINGER_MS = 5
const BATCH_BYTES = 256 * 1024
const QUEUED_MAX = 10_000
const ACKS = { 0: 0, 1: 1, all: -1 }

async function producer(bootstrap, options) {
  const client = connect(bootstrap, patient).producer({
    createPartitioner: () => ({ message }) => message.partition,
    allowAutoTopicCreation: false,
    idempotent: options.idempotence,
    maxInFlightRequests: options.idempotence ? 1 : null,
  })
  await client.connect()
  return new Producer(client, options)
}

class Producer {
  constructor(client, options) {
    this.client = client
    this.options = options
    this.waiting = []
    this.sending = null
  }

  async send(record, done) {
    this.waiting.push({ record, done })
    this.sending ??= this.sendAll()
    if (this.waiting.length > QUEUED_MAX) await this.sending
  }

  async sendAll() {
    await sleep(LINGER_MS)
    while (this.waiting.length > 0) await this.sendBatch(this.takeBatch())
    this.sending = null
  }

  takeBatch() {
    let [count, bytes] = [0, 0]
    while (count < this.waiting.length && (count === 0 || bytes < BATCH_BYTES)) {
      bytes += this.waiting[count++].record.value?.length ?? 0
    }
    return this.waiting.splice(0, count)
  }

  async sendBatch(batch) {
    const { topic, acks, codec } = this.options
    try {
      const answers = await this.client.send({
        topic,
        acks: ACKS[acks],
        compression: codecs[codec],
        messages: batch.map(({ record }) => toMessage(record)),
      })
      acknowledge(batch, acks === '0' ? [] : answers)
    } catch (error) {
      for (const { done } of batch) done(error)
    }
  }

  async close() {
    while (this.sending) await this.sending
    await this.client.disconnect()
  }
}

function toMessage({ partition, time, key, value, headers }) {
  const named = {}
  for (const [name, text] of headers) named[name] = name in named ? [named[name], text].flat() : text
  return { partition, key, value, headers: named, ...(time === null ? {} : { timestamp: String(time) }) }
}

// An answer has the first offset of a partition's part of the batch; acks=0 has no answers.
function acknowledge(batch, answers) {
  const next = new Map(answers.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
  for (const { record, done } of batch) {
    const offset = next.get(record.partition) ?? null
    if (offset !== null) next.set(record.partition, offset + 1)
    done(null, offset)
  }
}

module.exports = { producer }
