// An application traced by the AWS X-Ray SDK for Go, to the daemon at $AWS_XRAY_DAEMON_ADDRESS. It sends one request's segment with
// subsegments, annotations, metadata and a failure, and prints the trace's id.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-xray-sdk-go/strategy/sampling"
	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/aws/aws-xray-sdk-go/xraylog"
)

func main() {
	// The SDK's log goes to the standard output by itself.
	xray.SetLogger(xraylog.NewDefaultLogger(os.Stderr, xraylog.LogLevelInfo))
	all, err := sampling.NewLocalizedStrategyFromJSONBytes([]byte(`{"version":2,"default":{"fixed_target":1,"rate":1.0}}`))
	if err == nil {
		err = xray.Configure(xray.Config{ServiceVersion: "1.2", SamplingStrategy: all})
	}
	if err != nil {
		panic(err)
	}
	ctx, segment := xray.BeginSegment(context.Background(), "shop")
	segment.Lock()
	segment.User = "u-7"
	segment.GetHTTP().GetRequest().Method = "POST"
	segment.GetHTTP().GetRequest().URL = "http://shop.example/orders"
	segment.GetHTTP().GetRequest().ClientIP = "203.0.113.7"
	segment.GetHTTP().GetResponse().Status = 500
	segment.Unlock()
	check(xray.AddAnnotation(ctx, "tier", "gold"))
	check(xray.AddAnnotation(ctx, "items", 3))
	check(xray.AddMetadataToNamespace(ctx, "shop", "cart", map[string]any{"books": []any{1, 2, map[string]any{"title": nil}}}))

	_, call := xray.BeginSubsegment(ctx, "dynamodb")
	call.Lock()
	call.Namespace = "aws"
	for key, value := range map[string]any{"operation": "GetItem", "region": "eu-west-1", "table_name": "carts"} {
		call.GetAWS()[key] = value
	}
	call.Unlock()
	call.Close(nil)

	// The error goes to the caller, who has nothing to do with it.
	_ = xray.Capture(ctx, "pay", func(context.Context) error { return errors.New("no card") })
	fmt.Println(segment.TraceID)
	segment.Close(nil)
	// The SDK sends from a goroutine, and says nothing when it has.
	time.Sleep(500 * time.Millisecond)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
