'use strict'

const { promisify } = require('node:util')
const { KafkaConsumer } = require('node-rdkafka')
const { PATIENCE_MS, connected, disconnect, toRecord } = require('./connect')

const START = -2

async function consume(bootstrap, { topic, partition, from }, ready, take, ended) {
  const consumer = await connected(new KafkaConsumer({
    'bootstrap.servers': bootstrap,
    'group.id': 'none', // the library wants a name even from a consumer that is in no group
    'enable.auto.commit': false,
    'check.crcs': true,
  }, {}))
  consumer.assign([{ topic, partition, offset: await position(consumer, topic, partition, from) }])
  ready()
  await poll(consumer, (message) => take(toRecord(message)), ended)
  await disconnect(consumer)
}

// The end moves until the first fetch, so it is asked for now.
async function position(consumer, topic, partition, from) {
  if (from === 'start') return START
  if (from.offset !== undefined) return from.offset
  if (from.time !== undefined) {
    const times = [{ topic, partition, offset: from.time }]
    return (await promisify(consumer.offsetsForTimes).call(consumer, times, PATIENCE_MS))[0].offset
  }
  return (await promisify(consumer.queryWatermarkOffsets).call(consumer, topic, partition, PATIENCE_MS)).highOffset
}

// Hands out messages until the end; librdkafka goes on by itself after an error.
async function poll(consumer, take, ended) {
  consumer.setDefaultConsumeTimeout(100)
  const read = promisify(consumer.consume).bind(consumer, 100)
  while (!ended.aborted) {
    try {
      (await read()).every(take)
    } catch (error) {
      console.error('consume:', error.message)
    }
  }
}

module.exports = { consume, poll }
