'use strict'
// kafkajs consumes in groups only: a consumer of its own group seeks, and commits nothing.

const { once } = require('node:events')
const { connect, patient, toRecord } = require('./connect')

async function consume(bootstrap, { topic, partition, from }, ready, take, ended) {
  const kafka = connect(bootstrap, patient)
  let next = await firstOffset(kafka, topic, partition, from)
  ready()
  const consumer = kafka.consumer({ groupId: `${topic}-alone-${process.pid}`, maxWaitTimeInMs: 500 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, resolveOffset }) => {
      for (const message of batch.messages) {
        // What comes before the seek is not wanted; nor is what comes again after it.
        if (batch.partition !== partition || Number(message.offset) < next) continue
        if (!take(toRecord(partition, message))) break
        next = Number(message.offset) + 1
        resolveOffset(message.offset)
      }
    },
  })
  consumer.seek({ topic, partition, offset: String(next) })
  if (!ended.aborted) await once(ended, 'abort')
  await consumer.disconnect()
}

async function firstOffset(kafka, topic, partition, from) {
  if (from.offset !== undefined) return from.offset
  const admin = kafka.admin()
  await admin.connect()
  const found = from.time === undefined ? await admin.fetchTopicOffsets(topic)
    : await admin.fetchTopicOffsetsByTimestamp(topic, from.time)
  await admin.disconnect()
  const { low, high, offset } = found.find((row) => row.partition === partition)
  return Number(from === 'start' ? low : from === 'end' ? high : offset)
}

module.exports = { consume }
