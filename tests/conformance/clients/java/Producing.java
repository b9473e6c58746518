import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Producing {
    private Producing() {}

    static KafkaProducer<byte[], byte[]> producer(String address, Map<String, String> wanted) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", address);
        settings.put("compression.type", wanted.getOrDefault("codec", "none"));
        settings.put("acks", wanted.getOrDefault("acks", "all"));
        settings.put("enable.idempotence", wanted.getOrDefault("idempotence", "no").equals("yes"));
        settings.put("linger.ms", 5);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static void produce(String address, Map<String, String> wanted)
            throws IOException, InterruptedException, ExecutionException {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        try (var producer = producer(address, wanted)) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                int index = sent.size();
                sent.add(producer.send(Lines.wanted(wanted.get("topic"), line), (place, error) -> {
                    if (error == null) {
                        Lines.say("acked " + index + " " + (place.hasOffset() ? place.offset() : "-"));
                    }
                }));
            }
            for (Future<RecordMetadata> future : sent) {
                future.get();
            }
        }
    }
}
