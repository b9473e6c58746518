'use strict'

const { ConfigResourceTypes, KafkaJSProtocolError } = require('kafkajs')

const TOPIC_ALREADY_EXISTS = { code: 36, type: 'TOPIC_ALREADY_EXISTS', message: 'the topic exists already' }

function over(client) {
  return {
    close: () => client.disconnect(),
    create: async (topic, numPartitions, configs) => {
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
      const wanted = { topic, numPartitions, replicationFactor: 1, configEntries }
      // It answers false to this one error and throws all others.
      if (!(await client.createTopics({ topics: [wanted] }))) throw new KafkaJSProtocolError(TOPIC_ALREADY_EXISTS)
    },
    grow: (topic, count) => client.createPartitions({ topicPartitions: [{ topic, count }] }),
    describe: async (topic) => {
      const { topics } = await client.fetchTopicMetadata({ topics: [topic] })
      return topics[0].partitions.map(({ partitionId, leader, replicas, isr }) =>
        ({ id: partitionId, leader, replicas, isr }))
    },
    config: async (topic, name) => {
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }]
      const answer = await client.describeConfigs({ resources, includeSynonyms: false })
      return answer.resources[0].configEntries[0].configValue
    },
    remove: (topic) => client.deleteTopics({ topics: [topic] }),
    offsets: async (topic, partition) => {
      const { low, high } = (await client.fetchTopicOffsets(topic)).find((row) => row.partition === partition)
      return [low, high]
    },
    groups: async () => (await client.listGroups()).groups.map(({ groupId }) => groupId),
    removeGroup: (group) => client.deleteGroups([group]),
  }
}

module.exports = { over }
