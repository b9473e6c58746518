'use strict'

const { once } = require('node:events')
const { connect, patient, toRecord } = require('./connect')

// kafkajs commits the resolved offsets of a batch when its handler returns, and joins anew between batches only. Its
// assigner is round robin, which shares one topic as range does.
async function member(bootstrap, { topic, group, session }, take, ended) {
  const consumer = connect(bootstrap, patient).consumer({
    groupId: group,
    sessionTimeout: session,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 500,
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, isRunning, isStale }) => {
      for (const message of batch.messages) {
        if (!isRunning() || isStale() || !take(toRecord(batch.partition, message))) break
        resolveOffset(message.offset)
      }
    },
  })
  if (!ended.aborted) await once(ended, 'abort')
  await consumer.disconnect()
}

module.exports = { member }
