package shop;

import com.amazonaws.xray.AWSXRay;
import com.amazonaws.xray.AWSXRayRecorderBuilder;
import com.amazonaws.xray.entities.Segment;
import com.amazonaws.xray.entities.Subsegment;
import com.amazonaws.xray.strategy.sampling.AllSamplingStrategy;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;

/**
 * An application traced by the AWS X-Ray SDK for Java, to the daemon at $AWS_XRAY_DAEMON_ADDRESS. It sends one request's segment with
 * subsegments, annotations, metadata and a failure, and prints the trace's id.
 */
public class App {
    public static void main(String[] args) {
        AWSXRay.setGlobalRecorder(
            AWSXRayRecorderBuilder.standard().withSamplingStrategy(new AllSamplingStrategy()).build());
        Segment segment = AWSXRay.beginSegment("shop");
        segment.setUser("u-7");
        segment.putHttp("request",
            Map.of("method", "POST", "url", "http://shop.example/orders", "client_ip", "203.0.113.7"));
        segment.putHttp("response", Map.of("status", 500));
        segment.putAnnotation("tier", "gold");
        segment.putAnnotation("items", 3);
        segment.putMetadata("shop", "cart",
            Map.of("books", Arrays.asList(1, 2, Collections.singletonMap("title", null))));

        Subsegment call = AWSXRay.beginSubsegment("dynamodb");
        call.setNamespace("aws");
        call.putAllAws(Map.of("operation", "GetItem", "region", "eu-west-1", "table_name", "carts"));
        AWSXRay.endSubsegment();

        Subsegment pay = AWSXRay.beginSubsegment("pay");
        pay.addException(new IllegalStateException("no card"));
        AWSXRay.endSubsegment();
        System.out.println(segment.getTraceId());
        AWSXRay.endSegment();
    }
}
