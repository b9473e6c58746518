import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

final class Consuming {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Map<String, String> ASSIGNORS = Map.of(
            "range", "org.apache.kafka.clients.consumer.RangeAssignor",
            "cooperative", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    private Consuming() {}

    static KafkaConsumer<byte[], byte[]> consumer(String address, Map<String, Object> more) {
        Map<String, Object> settings = new HashMap<>(more);
        settings.put("bootstrap.servers", address);
        settings.putIfAbsent("enable.auto.commit", false);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static void consume(String address, Map<String, String> wanted) {
        TopicPartition place = place(wanted);
        try (var consumer = consumer(address, Map.of())) {
            consumer.assign(List.of(place));
            consumer.seek(place, firstOffset(consumer, place, wanted.get("from")));
            Lines.say("ready");
            long left = Long.parseLong(wanted.get("count"));
            while (left > 0) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    if (left-- > 0) {
                        Lines.say(record);
                    }
                }
            }
        }
    }

    private static TopicPartition place(Map<String, String> wanted) {
        return new TopicPartition(wanted.get("topic"), Integer.parseInt(wanted.get("partition")));
    }

    private static long firstOffset(KafkaConsumer<byte[], byte[]> consumer, TopicPartition place, String from) {
        if (from.equals("start")) {
            return consumer.beginningOffsets(List.of(place)).get(place);
        }
        if (from.equals("end")) {
            return consumer.endOffsets(List.of(place)).get(place);
        }
        if (from.startsWith("time:")) {
            return consumer.offsetsForTimes(Map.of(place, Long.valueOf(from.substring(5)))).get(place).offset();
        }
        return Long.parseLong(from);
    }

    static void offsets(String address, Map<String, String> wanted) {
        TopicPartition place = place(wanted);
        try (var consumer = consumer(address, Map.of())) {
            Lines.say("offsets " + firstOffset(consumer, place, "start") + " " + firstOffset(consumer, place, "end"));
        }
    }

    static Map<String, Object> memberSettings(Map<String, String> wanted) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("group.id", wanted.get("group"));
        settings.put("auto.offset.reset", "earliest");
        String assignor = wanted.getOrDefault("assignor", "range");
        if (assignor.equals("broker")) {
            settings.put("group.protocol", "consumer");
        } else {
            settings.put("partition.assignment.strategy", ASSIGNORS.get(assignor));
            settings.put("session.timeout.ms", wanted.getOrDefault("session_ms", "6000"));
            settings.put("heartbeat.interval.ms", 500);
        }
        settings.put("enable.auto.commit", !wanted.containsKey("count"));
        if (wanted.containsKey("instance")) {
            settings.put("group.instance.id", wanted.get("instance"));
        }
        if (wanted.containsKey("count")) {
            settings.put("max.poll.records", 1);
        }
        return settings;
    }

    static void member(String address, Map<String, String> wanted) {
        try (var consumer = consumer(address, memberSettings(wanted))) {
            consumer.subscribe(List.of(wanted.get("topic")));
            if (wanted.containsKey("count")) {
                readSome(consumer, Integer.parseInt(wanted.get("count")));
            } else {
                readUntilInputEnds(consumer);
            }
        }
    }

    /** Exactly so many records, and the places behind them committed. */
    private static void readSome(KafkaConsumer<byte[], byte[]> consumer, int count) {
        Map<TopicPartition, OffsetAndMetadata> places = new HashMap<>();
        int left = count;
        while (left > 0) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                Lines.say(record);
                left--;
                places.put(new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1));
            }
        }
        consumer.commitSync(places);
    }

    private static void readUntilInputEnds(KafkaConsumer<byte[], byte[]> consumer) {
        AtomicBoolean ended = new AtomicBoolean();
        Thread watch = new Thread(() -> ended.set(waitForEnd()));
        watch.setDaemon(true);
        watch.start();
        while (!ended.get()) {
            consumer.poll(POLL).forEach(Lines::say);
        }
    }

    private static boolean waitForEnd() {
        try {
            while (System.in.read() >= 0) {
                continue;
            }
        } catch (IOException error) {
            System.err.println(error);
        }
        return true;
    }
}
