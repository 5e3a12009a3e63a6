// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// A network failure in the few words that a person needs.
func networkErrorText(_ error: any Error) -> String {
    switch error {
    case let error as HTTPClientError:
        switch error {
        case .connectTimeout, .deadlineExceeded, .readTimeout: return "no answer in time"
        case .remoteConnectionClosed: return "the connection was closed"
        default: return error.shortDescription
        }
    case let error as NIOSSLError: return tlsErrorText("\(error)")
    case let error as NIOSSLExtraError: return tlsErrorText("\(error)")
    case let error as NIOConnectionError:
        if error.dnsAError != nil || error.dnsAAAAError != nil {
            return "the name \(error.host) can't be resolved"
        }
        return error.connectionErrors.first.map { networkErrorText($0.error) } ?? "cannot connect"
    case let error as IOError: return errorText(error.errnoCode)
    case let error as ExperimentError: return error.message
    case let refusal as AdminRefusal:
        return "\(refusal.service)-service answered \(refusal.status) to \(refusal.request): "
            + refusal.reasons.joined(separator: "; ")
    default: return "\(error)"
    }
}

private func tlsErrorText(_ description: String) -> String {
    if description.contains("CERTIFICATE_VERIFY_FAILED") { return "its certificate does not verify" }
    if description.contains("WRONG_VERSION_NUMBER") { return "it does not speak TLS" }
    return "the TLS handshake failed (\(description))"
}
