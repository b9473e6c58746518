'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { promisify } = require('node:util')
const { CODES, Producer } = require('node-rdkafka')
const { PATIENCE_MS, connected, disconnect } = require('./connect')

async function producer(bootstrap, { topic, codec, acks, idempotence }) {
  const client = new Producer({
    'bootstrap.servers': bootstrap,
    'compression.type': codec,
    'enable.idempotence': idempotence,
    'max.in.flight': 1, // or a retry would change the order
    'linger.ms': 5,
    dr_cb: true,
  }, { acks: acks === 'all' ? -1 : Number(acks), 'message.timeout.ms': 2 * PATIENCE_MS })
  let unanswered = 0
  client.on('delivery-report', (error, report) => {
    unanswered--
    report.opaque(error, acks === '0' ? null : report.offset)
  })
  await connected(client)
  client.setPollInterval(5)
  return {
    send: (record, done) => {
      unanswered++
      return send(client, topic, record, done)
    },
    close: async () => {
      await promisify(client.flush).call(client, 2 * PATIENCE_MS)
      while (unanswered > 0) await sleep(5) // flush counts what was delivered, reported or not
      await disconnect(client)
    },
  }
}

async function send(client, topic, { partition, time, key, value, headers }, done) {
  const named = headers.map(([name, text]) => ({ [name]: text }))
  for (;;) {
    try {
      client.produce(topic, partition, value, key, time, done, named)
      return
    } catch (error) {
      if (error.code !== CODES.ERRORS.ERR__QUEUE_FULL) throw error
      await sleep(10)
    }
  }
}

module.exports = { producer }
