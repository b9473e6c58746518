// A Kafka Streams application with exactly_once_v2, for tests/system/streams.py: counts the words of the topic "lines" into "counts",
// and adds up the numbers of "amounts" by their keys into "sums". Every result that a record leads to is written.
//
// Arguments: bootstrap servers, a folder for the state of this instance.

import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

public class StreamsJob {
    public static void main(String[] arguments) throws Exception {
        var settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-job");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);
        settings.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 1000);

        var streams = new KafkaStreams(topology(), settings);
        streams.setUncaughtExceptionHandler(error -> {
            System.out.println("a thread died of " + error);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
        Thread.currentThread().join();
    }

    private static org.apache.kafka.streams.Topology topology() {
        var texts = Serdes.String();
        var numbers = Serdes.Long();
        var builder = new StreamsBuilder();
        KeyValueMapper<String, String, String> byWord = (key, word) -> word;
        builder.stream("lines", Consumed.with(texts, texts))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy(byWord, Grouped.with(texts, texts))
            .count(Materialized.with(texts, numbers))
            .toStream()
            .mapValues(count -> Long.toString(count))
            .to("counts", Produced.with(texts, texts));
        builder.stream("amounts", Consumed.with(texts, texts))
            .groupByKey(Grouped.with(texts, texts))
            .aggregate(() -> 0L, (key, amount, sum) -> sum + Long.parseLong(amount), Materialized.with(texts, numbers))
            .toStream()
            .mapValues(sum -> Long.toString(sum))
            .to("sums", Produced.with(texts, texts));
        return builder.build();
    }
}
