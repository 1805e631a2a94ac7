import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
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

    /** Asks a service of the cloud by its own name, as SDKs do that know no other endpoint. */
    public String reach(Map<String, String> event) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(event.get("url"))).build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        return answer.statusCode() + " " + answer.body();
    }

    public String plain(Map<String, String> event) {
        return "plain " + event.get("a");
    }
}
