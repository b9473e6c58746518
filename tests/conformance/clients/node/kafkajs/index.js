'use strict'
// kafkajs as a library of program.js.

const { KafkaJSProtocolError } = require('kafkajs')
const { main } = require('../program')
const { connect } = require('./connect')
const admin = require('./admin')

main({
  version: `kafkajs ${require('kafkajs/package.json').version}`,
  lacks: [
    ['* repeated headers', 'its headers are an object: those of one name stand together'],
    ['produce odd headers', 'it fails on null values of headers'],
    ['*by the broker', 'its groups know the classic protocol alone'],
    ['group*cooperative', 'its groups rebalance eagerly'],
    ['group with static members', 'its groups take no instance ids'],
  ],
  errorNumber,
  producer: require('./produce').producer,
  consume: require('./consume').consume,
  member: require('./member').member,
  admin: async (bootstrap) => {
    const client = connect(bootstrap).admin()
    await client.connect()
    return admin.over(client)
  },
})

// An error of a broker may stand behind others: the retrier's, or one for several topics.
function errorNumber(error) {
  if (error == null) return null
  if (error instanceof KafkaJSProtocolError && error.code > 0) return error.code
  return errorNumber(error.errors?.[0]?.error ?? error.errors?.[0] ?? error.cause)
}
