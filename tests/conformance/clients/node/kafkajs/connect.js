'use strict'

const zlib = require('node:zlib')
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')

// What kafkajs leaves to plug-ins: two packages, and zstd from Node itself.
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = new (require('kafkajs-lz4'))().codec
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => zlib.zstdCompressSync(encoder.buffer),
  decompress: async (buffer) => zlib.zstdDecompressSync(buffer),
})

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

function connect(bootstrap, retry = {}) {
  return new Kafka({
    clientId: 'matrix',
    brokers: bootstrap.split(','),
    logLevel: logLevel.ERROR,
    logCreator: () => ({ log }) => console.error(log.message, log.error ?? ''),
    retry,
  })
}

// How one goes on while a broker is away: two minutes.
const patient = { retries: 240, initialRetryTime: 100, maxRetryTime: 500 }

function toRecord(partition, { offset, timestamp, key, value, headers }) {
  const pairs = Object.entries(headers ?? {}).flatMap(([name, values]) => [values].flat().map((text) => [name, text]))
  return { partition, offset, time: timestamp, key, value, headers: pairs }
}

module.exports = { codecs, connect, patient, toRecord }
