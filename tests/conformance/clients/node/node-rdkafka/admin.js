'use strict'

const { promisify } = require('node:util')
const { AdminClient, Producer } = require('node-rdkafka')
const { PATIENCE_MS, connected, disconnect } = require('./connect')

// Topics are made by the admin client; any other client tells of them.
async function admin(bootstrap) {
  const settings = { 'bootstrap.servers': bootstrap }
  const maker = AdminClient.create(settings)
  const teller = await connected(new Producer(settings))
  const call = (method, ...words) => promisify(maker[method]).call(maker, ...words, PATIENCE_MS)
  return {
    close: async () => {
      maker.disconnect()
      await disconnect(teller)
    },
    create: (topic, partitions, config) =>
      call('createTopic', { topic, num_partitions: partitions, replication_factor: 1, config }),
    grow: (topic, partitions) => call('createPartitions', topic, partitions),
    remove: (topic) => call('deleteTopic', topic),
    describe: async (topic) => {
      const { topics } = await promisify(teller.getMetadata).call(teller, { topic, allTopics: false, timeout: PATIENCE_MS })
      return topics[0].partitions.map(({ id, leader, replicas, isrs }) => ({ id, leader, replicas, isr: isrs }))
    },
    offsets: async (topic, partition) => {
      const { lowOffset, highOffset } =
        await promisify(teller.queryWatermarkOffsets).call(teller, topic, partition, PATIENCE_MS)
      return [lowOffset, highOffset]
    },
  }
}

module.exports = { admin }
