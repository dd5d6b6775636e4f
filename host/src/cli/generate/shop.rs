//! A made-up shop: which services call which, their attributes by OpenTelemetry's semantic conventions, and
//! their durations.

mod convention;
mod fault;
mod trace;

use std::time::Duration;

pub(super) use self::{
    convention::{integer, string},
    trace::{ShopSpan, new_trace},
};

/// The settings of the shop's traces.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShopSettings {
    /// The number of services that take part, the first of [`SERVICES`].
    pub(super) services: usize,
    /// The most levels of spans below one another.
    pub(super) depth: usize,
    /// The share of traces in which something fails, 0 to 1.
    pub(super) errors: f64,
    /// The share of traces in which a service is slow, 0 to 1.
    pub(super) slow: f64,
    /// How much longer the slow service takes. If this is set, every slow trace comes to it.
    pub(super) slow_by: Option<Duration>,
    /// The share of traces with very many spans, 0 to 1.
    pub(super) giants: f64,
    /// How many spans those have at least, if there are any below their roots.
    pub(super) giant_spans: usize,
}

impl Default for ShopSettings {
    /// The whole shop, in which all is well.
    fn default() -> ShopSettings {
        ShopSettings {
            services: SERVICES.len(),
            depth: 8,
            errors: 0.0,
            slow: 0.0,
            slow_by: None,
            giants: 0.0,
            giant_spans: 0,
        }
    }
}

pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) language: Language,
    pub(super) version: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Go,
    Java,
    Nodejs,
    Python,
}

/// The work of a service for one request.
pub(super) struct Operation {
    /// The index of the service in [`SERVICES`].
    service: usize,
    entry: Entry,
    /// The time that the service itself computes, in microseconds.
    own_us: u64,
    steps: &'static [Step],
}

/// The way that an operation is called.
pub(super) enum Entry {
    Http {
        method: &'static str,
        route: &'static str,
    },
    /// `package.Service/Method`.
    Rpc {
        method: &'static str,
    },
    Message {
        topic: &'static str,
    },
}

/// A step of an operation. Steps follow one another.
enum Step {
    Work {
        name: &'static str,
        own_us: u64,
    },
    Query {
        system: &'static str,
        verb: &'static str,
        table: &'static str,
        text: &'static str,
        own_us: u64,
    },
    Call(&'static Operation),
    /// A message that the other service handles later.
    Publish(&'static Operation),
}

const fn service(name: &'static str, language: Language, version: &'static str) -> Service {
    Service { name, language, version }
}

pub(super) static SERVICES: [Service; 12] = [
    service("frontend", Language::Nodejs, "3.14.1"),
    service("cart", Language::Go, "1.8.0"),
    service("checkout", Language::Java, "2.5.3"),
    service("payment", Language::Java, "4.0.2"),
    service("catalog", Language::Go, "1.21.0"),
    service("currency", Language::Go, "0.9.4"),
    service("shipping", Language::Python, "1.2.7"),
    service("inventory", Language::Java, "2.0.0"),
    service("recommendation", Language::Python, "0.31.0"),
    service("ad", Language::Nodejs, "1.1.1"),
    service("fraud-detection", Language::Python, "5.2.0"),
    service("email", Language::Nodejs, "1.0.8"),
];

/// The visits of customers, each with its share in percent.
static VISITS: [(u32, &Operation); 4] = [(40, &HOME), (30, &PRODUCT), (18, &ADD_TO_CART), (12, &CHECKOUT)];

static HOME: Operation = Operation {
    service: 0,
    entry: Entry::Http { method: "GET", route: "/" },
    own_us: 2_400,
    steps: &[
        Step::Call(&LIST_PRODUCTS),
        Step::Call(&GET_ADS),
        Step::Work { name: "render home", own_us: 3_100 },
    ],
};

static PRODUCT: Operation = Operation {
    service: 0,
    entry: Entry::Http { method: "GET", route: "/product/{id}" },
    own_us: 1_900,
    steps: &[
        Step::Call(&GET_PRODUCT),
        Step::Call(&CONVERT),
        Step::Call(&RECOMMEND),
        Step::Work { name: "render product", own_us: 2_200 },
    ],
};

static ADD_TO_CART: Operation = Operation {
    service: 0,
    entry: Entry::Http { method: "POST", route: "/cart" },
    own_us: 1_100,
    steps: &[Step::Call(&ADD_ITEM)],
};

static CHECKOUT: Operation = Operation {
    service: 0,
    entry: Entry::Http { method: "POST", route: "/checkout" },
    own_us: 2_000,
    steps: &[Step::Call(&PLACE_ORDER), Step::Work { name: "render receipt", own_us: 1_500 }],
};

static ADD_ITEM: Operation = Operation {
    service: 1,
    entry: Entry::Rpc { method: "shop.Cart/AddItem" },
    own_us: 400,
    steps: &[
        Step::Call(&GET_PRODUCT),
        Step::Query { system: "redis", verb: "HSET", table: "cart", text: "HSET cart:? ? ?", own_us: 700 },
    ],
};

static GET_CART: Operation = Operation {
    service: 1,
    entry: Entry::Rpc { method: "shop.Cart/GetCart" },
    own_us: 300,
    steps: &[Step::Query {
        system: "redis",
        verb: "HGETALL",
        table: "cart",
        text: "HGETALL cart:?",
        own_us: 600,
    }],
};

static PLACE_ORDER: Operation = Operation {
    service: 2,
    entry: Entry::Http { method: "POST", route: "/orders" },
    own_us: 1_800,
    steps: &[
        Step::Call(&GET_CART),
        Step::Work { name: "price order", own_us: 900 },
        Step::Call(&CONVERT),
        Step::Call(&QUOTE),
        Step::Call(&CHARGE),
        Step::Query {
            system: "postgresql",
            verb: "INSERT",
            table: "orders",
            text: "INSERT INTO orders (id, customer_id, total, currency) VALUES ($1, $2, $3, $4)",
            own_us: 3_200,
        },
        Step::Publish(&RESERVE),
        Step::Publish(&CONFIRM),
    ],
};

static CHARGE: Operation = Operation {
    service: 3,
    entry: Entry::Rpc { method: "shop.Payment/Charge" },
    own_us: 1_500,
    steps: &[
        Step::Call(&SCORE),
        Step::Work { name: "authorize card", own_us: 38_000 },
        Step::Query {
            system: "postgresql",
            verb: "INSERT",
            table: "charges",
            text: "INSERT INTO charges (order_id, amount, state) VALUES ($1, $2, $3)",
            own_us: 2_600,
        },
    ],
};

static LIST_PRODUCTS: Operation = Operation {
    service: 4,
    entry: Entry::Rpc { method: "shop.Catalog/ListProducts" },
    own_us: 600,
    steps: &[Step::Query {
        system: "postgresql",
        verb: "SELECT",
        table: "products",
        text: "SELECT id, name, price FROM products WHERE category = $1 ORDER BY rank LIMIT $2",
        own_us: 4_800,
    }],
};

static GET_PRODUCT: Operation = Operation {
    service: 4,
    entry: Entry::Rpc { method: "shop.Catalog/GetProduct" },
    own_us: 300,
    steps: &[Step::Query {
        system: "postgresql",
        verb: "SELECT",
        table: "products",
        text: "SELECT id, name, price, stock FROM products WHERE id = $1",
        own_us: 1_400,
    }],
};

static CONVERT: Operation =
    Operation { service: 5, entry: Entry::Rpc { method: "shop.Currency/Convert" }, own_us: 250, steps: &[] };

static QUOTE: Operation = Operation {
    service: 6,
    entry: Entry::Http { method: "POST", route: "/quote" },
    own_us: 2_700,
    steps: &[Step::Work { name: "estimate parcel", own_us: 1_200 }],
};

static RESERVE: Operation = Operation {
    service: 7,
    entry: Entry::Message { topic: "orders" },
    own_us: 900,
    steps: &[Step::Query {
        system: "mysql",
        verb: "UPDATE",
        table: "stock",
        text: "UPDATE stock SET reserved = reserved + ? WHERE sku = ?",
        own_us: 2_900,
    }],
};

static RECOMMEND: Operation = Operation {
    service: 8,
    entry: Entry::Rpc { method: "shop.Recommendation/List" },
    own_us: 800,
    steps: &[Step::Work { name: "rank candidates", own_us: 6_500 }, Step::Call(&LIST_PRODUCTS)],
};

static GET_ADS: Operation = Operation {
    service: 9,
    entry: Entry::Http { method: "GET", route: "/ads" },
    own_us: 700,
    steps: &[Step::Query { system: "redis", verb: "MGET", table: "ads", text: "MGET ? ? ?", own_us: 500 }],
};

static SCORE: Operation = Operation {
    service: 10,
    entry: Entry::Rpc { method: "shop.Fraud/Score" },
    own_us: 600,
    steps: &[Step::Work { name: "evaluate model", own_us: 9_000 }],
};

static CONFIRM: Operation = Operation {
    service: 11,
    entry: Entry::Message { topic: "confirmations" },
    own_us: 700,
    steps: &[Step::Work { name: "send mail", own_us: 22_000 }],
};
