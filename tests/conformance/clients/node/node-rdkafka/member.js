'use strict'

const { CODES, KafkaConsumer } = require('node-rdkafka')
const { connected, disconnect, toRecord } = require('./connect')
const { poll } = require('./consume')

const { ERR__ASSIGN_PARTITIONS, ERR__REVOKE_PARTITIONS } = CODES.ERRORS

async function member(bootstrap, { topic, group, assignor, session, instance }, take, ended) {
  const printed = new Printed(topic)
  const consumer = await connected(new KafkaConsumer({
    'bootstrap.servers': bootstrap,
    'group.id': group,
    'enable.auto.commit': false,
    rebalance_cb(error, partitions) {
      printed.rebalance(this, error, partitions)
    },
    ...protocol(assignor, session),
    ...(instance === null ? {} : { 'group.instance.id': instance }),
  }, { 'auto.offset.reset': 'earliest' }))
  consumer.subscribe([topic])
  await poll(consumer, (message) => printed.take(message, take), ended)
  printed.commit(consumer, [...printed.next.keys()])
  await disconnect(consumer)
}

function protocol(assignor, session) {
  if (assignor === 'broker') return { 'group.protocol': 'consumer' }
  return {
    'partition.assignment.strategy': assignor === 'cooperative' ? 'cooperative-sticky' : 'range',
    'session.timeout.ms': session,
    'heartbeat.interval.ms': 500,
  }
}

// What was printed of the partitions that the member has: the next offset of each, null before the first.
class Printed {
  constructor(topic) {
    this.topic = topic
    this.next = new Map()
  }

  // A message may have been read just before its partition went: its next owner prints it.
  take(message, take) {
    if (!this.next.has(message.partition)) return true
    if (!take(toRecord(message))) return false
    this.next.set(message.partition, message.offset + 1)
    return true
  }

  rebalance(consumer, { code }, assignment) {
    const cooperative = consumer.rebalanceProtocol() === 'COOPERATIVE'
    const partitions = assignment.map(({ partition }) => partition)
    if (code === ERR__ASSIGN_PARTITIONS) {
      for (const partition of partitions) this.next.set(partition, null)
      cooperative ? consumer.incrementalAssign(assignment) : consumer.assign(assignment)
    } else if (code === ERR__REVOKE_PARTITIONS) {
      this.give(consumer, partitions)
      cooperative ? consumer.incrementalUnassign(assignment) : consumer.unassign()
    }
  }

  // A commit that fails here costs the next owner that it reads again what was read.
  give(consumer, partitions) {
    try {
      this.commit(consumer, partitions)
    } catch (error) {
      console.error('commit at a revocation:', error.message)
    }
    for (const partition of partitions) this.next.delete(partition)
  }

  commit(consumer, partitions) {
    const offsets = partitions.filter((partition) => this.next.get(partition) != null)
      .map((partition) => ({ topic: this.topic, partition, offset: this.next.get(partition) }))
    if (offsets.length > 0) consumer.commitSync(offsets)
  }
}

module.exports = { member }
