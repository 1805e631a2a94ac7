import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Map;

/** The ways to write a handler. */
public class Handlers {
    public static class Typed implements RequestHandler<Map<String, Object>, Map<String, Object>> {
        @Override
        public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
            if (event.containsKey("fail")) {
                throw new IllegalArgumentException((String) event.get("fail"));
            }
            context.getLogger().log("java saw it");
            String options = System.getProperty("sundog.option", "none");
            return Map.of("echo", event, "request", context.getAwsRequestId(), "name", context.getFunctionName(), "option", options);
        }
    }

    public static class Stream implements RequestStreamHandler {
        @Override
        public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
            in.transferTo(out);
        }
    }

    public String plain(Map<String, String> event) {
        return "plain " + event.get("a");
    }
}
