import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.utils.AppInfoParser;

/** Kafka's own Java clients as a program of the matrix. */
public final class Client {
    private Client() {}

    interface Verb {
        void run(String address, Map<String, String> wanted) throws Exception;
    }

    private static final Map<String, Verb> VERBS = Map.ofEntries(
            Map.entry("produce", Producing::produce), Map.entry("consume", Consuming::consume),
            Map.entry("member", Consuming::member), Map.entry("offsets", Consuming::offsets),
            Map.entry("create", Administering::create), Map.entry("grow", Administering::grow),
            Map.entry("describe", Administering::describe), Map.entry("config", Administering::config),
            Map.entry("delete", Administering::delete), Map.entry("groups", Administering::groups),
            Map.entry("delete_group", Administering::deleteGroup));

    public static void main(String[] words) {
        if (words[0].equals("about")) {
            Lines.say("version " + AppInfoParser.getVersion() + " (Java " + System.getProperty("java.version") + ")");
            return;
        }
        if (words[0].equals("load")) {
            load();
            return;
        }
        try {
            VERBS.get(words[0]).run(words[1], arguments(words));
        } catch (Exception error) {
            fail(error);
        }
    }

    private static Map<String, String> arguments(String[] words) {
        Map<String, String> wanted = new HashMap<>();
        for (int i = 2; i < words.length; i++) {
            String[] pair = words[i].split("=", 2);
            wanted.put(pair[0], pair[1]);
        }
        return wanted;
    }

    private static void fail(Exception error) {
        Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
        if (cause instanceof ApiException) {
            Lines.say("error " + Errors.forException(cause).code());
        }
        System.err.println(cause);
        System.exit(1);
    }

    /** Makes the classes of every verb known to the archive that the build writes; nobody answers there. */
    private static void load() {
        String nowhere = "localhost:1";
        try (var producer = Producing.producer(nowhere, Map.of("codec", "none"));
                var consumer = Consuming.consumer(nowhere, Map.of());
                var member = Consuming.consumer(nowhere, Consuming.memberSettings(Map.of("group", "g")));
                var admin = Administering.admin(nowhere)) {
            Lines.say(producer + " " + consumer + " " + member + " " + admin);
        }
    }
}
