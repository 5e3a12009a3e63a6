// SPDX-License-Identifier: Apache-2.0

/// How a scheduled request ended.
///
/// Every scheduled request has exactly one outcome, and every outcome has histograms of its own, so that a fast error never
/// flatters the latency of successes.
package enum Outcome: String, Codable, Sendable, CaseIterable, CodingKeyRepresentable {
    /// A response that met every expectation of its step.
    case ok
    /// A complete response whose status the step did not expect, other than those counted as `rejected`.
    case errorStatus = "error-status"
    /// The server refused to serve: status 429 or 503 where the step did not expect it.
    case rejected
    /// The status was right, but a check of the step or a required capture failed.
    case checkFailed = "check-failed"
    /// No complete response within the request's timeout.
    case timeout
    /// The connection was refused, reset or closed before the response was complete.
    case connection
    /// The TLS handshake or a TLS record failed, a certificate that does not verify included.
    case tls
    /// Bytes that are not an HTTP response.
    case malformed
    /// No connection to the target became free within the time that a request may wait for one.
    case noConnection = "no-connection"
    /// Still in flight when the run ended: a censored sample at its age.
    case aborted
    /// Scheduled but never sent, because its time was over when it would have been its turn, or because there was no row for it: a
    /// censored sample.
    case neverStarted = "never-started"

    /// Whether the request counts as completed: a whole response arrived, whatever it said.
    package var isCompleted: Bool {
        switch self {
        case .ok, .errorStatus, .rejected, .checkFailed: true
        case .timeout, .connection, .tls, .malformed, .noConnection, .aborted, .neverStarted: false
        }
    }

    /// Whether the request counts as failed: it was begun, and no whole response arrived.
    package var isFailed: Bool {
        switch self {
        case .timeout, .connection, .tls, .malformed, .noConnection: true
        case .ok, .errorStatus, .rejected, .checkFailed, .aborted, .neverStarted: false
        }
    }
}
