'use strict'
// node-rdkafka as a library of program.js.

const rdkafka = require('node-rdkafka')
const { main } = require('../program')

main({
  version: `node-rdkafka ${require('node-rdkafka/package.json').version} (librdkafka ${rdkafka.librdkafkaVersion})`,
  lacks: [
    ['produce odd headers', 'it writes the values of headers as UTF-8 text'],
    ['consume odd headers', 'it hands null values of headers out as empty ones'],
    ['topic configs', 'its admin client describes no configs'],
    ['groups', 'its admin client knows no groups'],
  ],
  // librdkafka's own errors have negative numbers.
  errorNumber: (error) => (error.code > 0 ? error.code : null),
  producer: require('./produce').producer,
  consume: require('./consume').consume,
  member: require('./member').member,
  admin: require('./admin').admin,
})
