import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/**
 * Several command-line tools in one JVM. A line of standard input is a call, its words by tab; an answer is a line
 * "exit code, bytes" and as many bytes of what the call printed on either stream.
 */
public final class ManyTools {
    private static final class Left extends RuntimeException {
        final int code;
        Left(int code) {
            super("left with " + code);
            this.code = code;
        }
    }

    // Scala keeps the stream it saw first, so there is only one, which writes into the present call's buffer.
    private static final class Captured extends OutputStream {
        ByteArrayOutputStream buffer = new ByteArrayOutputStream();
        @Override public void write(int octet) { buffer.write(octet); }
        @Override public void write(byte[] bytes, int from, int count) { buffer.write(bytes, from, count); }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> tools = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] words = line.trim().split("\\s+");
            if (words.length >= 2) tools.put(words[0], words[1].contains("kafka.") ? words[1] : "org.apache.kafka.tools." + words[1]);
        }
        Exit.setExitProcedure((code, message) -> { throw new Left(code); });
        Exit.setHaltProcedure((code, message) -> { throw new Left(code); });
        PrintStream answers = System.out;
        Captured captured = new Captured();
        PrintStream shared = new PrintStream(captured, true, StandardCharsets.UTF_8);
        System.setOut(shared);
        System.setErr(shared);
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = calls.readLine()) != null; ) {
            captured.buffer = new ByteArrayOutputStream();
            String[] words = line.split("\t", -1);
            int code = run(tools.get(words[0]), Arrays.copyOfRange(words, 1, words.length));
            shared.flush();
            byte[] printed = captured.buffer.toByteArray();
            answers.print(code + " " + printed.length + "\n");
            answers.write(printed);
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static int run(String name, String[] arguments) {
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Left left) return left.code;
            System.err.println("Exception in thread \"main\" " + e.getCause());
            return 1;
        } catch (ReflectiveOperationException e) {
            System.err.println("no such tool: " + name);
            return 127;
        }
    }
}
