import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The lines that programs read and print. */
final class Lines {
    private Lines() {}

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    static String encode(byte[] data) {
        return data == null ? "-" : "x" + HexFormat.of().formatHex(data);
    }

    static byte[] decode(String text) {
        return text.equals("-") ? null : HexFormat.of().parseHex(text.substring(1));
    }

    static ProducerRecord<byte[], byte[]> wanted(String topic, String line) {
        String[] fields = line.split(" ");
        Long time = fields[1].equals("-") ? null : Long.valueOf(fields[1]);
        List<Header> headers = new ArrayList<>();
        for (int i = 4; i < fields.length; i++) {
            String[] header = fields[i].split(":");
            headers.add(new RecordHeader(new String(decode(header[0]), StandardCharsets.UTF_8), decode(header[1])));
        }
        return new ProducerRecord<>(topic, Integer.valueOf(fields[0]), time, decode(fields[2]), decode(fields[3]),
                headers);
    }

    static void say(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder line = new StringBuilder("record ");
        line.append(record.partition()).append(' ').append(record.offset()).append(' ').append(record.timestamp());
        line.append(' ').append(encode(record.key())).append(' ').append(encode(record.value()));
        for (Header header : record.headers()) {
            line.append(' ').append(encode(header.key().getBytes(StandardCharsets.UTF_8)));
            line.append(':').append(encode(header.value()));
        }
        say(line.toString());
    }
}
