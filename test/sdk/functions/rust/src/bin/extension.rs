use lambda_extension::{service_fn, Error, Extension, LambdaEvent, NextEvent};

async fn hear(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(e) => println!("rust extension saw INVOKE {}", e.request_id),
        NextEvent::Shutdown(e) => println!("rust extension saw SHUTDOWN {}", e.shutdown_reason),
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new().with_events_processor(service_fn(hear)).run().await
}
