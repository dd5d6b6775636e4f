//! The codes of failures, by which a sender decides what to do.

/// What a sender is told of a failure: the code that the destination answered with, or the code that says the
/// same. The names and numbers are gRPC's (`google/rpc/code.proto`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    pub const ALL: [Code; 16] = [
        Code::Cancelled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];

    /// Returns the code with this number. As in gRPC, any other number means [`Code::Unknown`].
    pub fn from_number(number: i32) -> Code {
        Code::ALL.into_iter().find(|code| code.number() == number).unwrap_or(Code::Unknown)
    }

    pub fn number(self) -> i32 {
        self as i32
    }

    /// Returns whether OTLP's senders try again after this code. After [`Code::ResourceExhausted`] they do so
    /// only if they are told a delay.
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Code::Cancelled
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unavailable
                | Code::DataLoss
        )
    }
}
