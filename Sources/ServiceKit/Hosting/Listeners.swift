// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Hummingbird
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// Waits until both ports are open and then says so, once, on stdout.
final class ListeningAnnouncement: Sendable {
    private struct Ports {
        var service: Int?
        var admin: Int?
    }

    private let ports = Mutex(Ports())
    private let name: String
    private let further: [String: Int]

    /// - Parameter further: Ports of other listeners that are open already, by names that need no escape in JSON.
    init(name: String, further: [String: Int] = [:]) {
        self.name = name
        self.further = further
    }

    func serviceListens(at port: Int) { note { $0.service = port } }
    func adminListens(at port: Int) { note { $0.admin = port } }

    private func note(_ change: (inout Ports) -> Void) {
        let ports = ports.withLock {
            change(&$0)
            return $0
        }
        guard let port = ports.service, let adminPort = ports.admin else { return }
        let others = further.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
        StandardStreams.output(
            "{\"event\":\"listening\",\"service\":\"\(name)\",\"port\":\(port),\"adminPort\":\(adminPort)"
                + (others.isEmpty ? "" : ",\"ports\":{\(others)}") + ",\"pid\":\(getpid())}")
    }
}

/// Runs a server and turns its failure to listen into a sentence.
struct Listener<App: ApplicationProtocol>: Service {
    let application: App
    let host: String
    let port: Int
    let option: String

    func run() async throws {
        do {
            try await application.run()
        } catch {
            throw StartupError.listening(on: host, port: port, option: option, error) ?? error
        }
    }
}

extension StartupError {
    /// The sentence for a listener that could not be opened; nil when the error is another.
    ///
    /// - Parameter option: Which chooses another port: "--port".
    package static func listening(on host: String, port: Int, option: String, _ error: any Error) -> StartupError? {
        if let error = error as? SocketAddressError {
            return StartupError("cannot listen on \(host) port \(port): \(error); choose another address with --host")
        }
        guard let error = error as? IOError else { return nil }
        return switch error.errnoCode {
        case EADDRINUSE:
            StartupError(
                "port \(port) on \(host) is in use; choose another one with \(option), or 0 for any that is free")
        case EACCES:
            StartupError(
                "port \(port) on \(host) may not be used by this user; choose one above 1023 with \(option)")
        case EADDRNOTAVAIL:
            StartupError("\(host) is not an address of this machine; choose another one with --host")
        default: StartupError("cannot listen on \(host) port \(port): \(error)")
        }
    }
}
