use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if let Some(why) = event.payload["fail"].as_str() {
        return Err(why.into());
    }
    Ok(json!({ "echo": event.payload, "request": event.context.request_id, "name": event.context.env_config.function_name }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handler)).await
}
