// An application traced by the AWS X-Ray SDK for Node, to the daemon at $AWS_XRAY_DAEMON_ADDRESS. It sends one request's segment with
// subsegments, annotations, metadata and a failure, and prints the trace's id.

const xray = require("aws-xray-sdk-core");

xray.enableManualMode();

const segment = new xray.Segment("shop");
segment.http = {
  request: { method: "POST", url: "http://shop.example/orders", client_ip: "203.0.113.7" },
  response: { status: 500 },
};
segment.setUser("u-7");
segment.addAnnotation("tier", "gold");
segment.addAnnotation("items", 3);
segment.addMetadata("cart", { books: [1, 2, { title: null }] }, "shop");

const call = segment.addNewSubsegment("dynamodb");
call.namespace = "aws";
call.addAttribute("aws", { operation: "GetItem", region: "eu-west-1", table_name: "carts" });
call.close();

const pay = segment.addNewSubsegment("pay");
pay.close(new RangeError("no card"));

console.log(segment.trace_id);
segment.close();
