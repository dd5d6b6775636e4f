//! What reaches outside: nothing yet.

use wasmtime::Result;

use crate::plugin::{
    bindings::imported::{http, store},
    guest::Guest,
};

impl http::Host for Guest {
    async fn send(&mut self, _: http::Request) -> Result<Result<http::Response, http::HttpError>> {
        Ok(Err(http::HttpError::Denied("nothing is granted".into())))
    }
}

impl store::Host for Guest {
    fn get(&mut self, _: String) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn set(&mut self, _: String, _: Vec<u8>) -> Result<Result<(), store::StoreError>> {
        Ok(Err(store::StoreError::Denied("nothing is granted".into())))
    }

    fn delete(&mut self, _: String) -> Result<()> {
        Ok(())
    }

    fn keys(&mut self, _: String) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
