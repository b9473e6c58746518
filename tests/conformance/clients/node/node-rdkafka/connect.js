'use strict'

const { promisify } = require('node:util')

const PATIENCE_MS = 60_000

// Connects a producer or consumer; a broker that goes away later is librdkafka's business.
async function connected(client) {
  client.on('event.error', (error) => console.error(error.message))
  await promisify(client.connect).call(client, {})
  return client
}

const disconnect = (client) => promisify(client.disconnect).call(client)

function toRecord({ partition, offset, timestamp, key, value, headers }) {
  return { partition, offset, time: timestamp, key, value, headers: (headers ?? []).flatMap(Object.entries) }
}

module.exports = { PATIENCE_MS, connected, disconnect, toRecord }
