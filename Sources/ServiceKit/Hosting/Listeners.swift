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

    init(name: String) {
        self.name = name
    }

    func serviceListens(at port: Int) { note { $0.service = port } }
    func adminListens(at port: Int) { note { $0.admin = port } }

    private func note(_ change: (inout Ports) -> Void) {
        let ports = ports.withLock {
            change(&$0)
            return $0
        }
        guard let port = ports.service, let adminPort = ports.admin else { return }
        let line =
            "{\"event\":\"listening\",\"service\":\"\(name)\",\"port\":\(port),\"adminPort\":\(adminPort),\"pid\":\(getpid())}"
        StandardStreams.output(line)
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
        } catch let error as IOError {
            switch error.errnoCode {
            case EADDRINUSE:
                throw StartupError(
                    "port \(port) on \(host) is in use; choose another one with \(option), or 0 for any that is free")
            case EACCES:
                throw StartupError(
                    "port \(port) on \(host) may not be used by this user; choose one above 1023 with \(option)")
            case EADDRNOTAVAIL:
                throw StartupError("\(host) is not an address of this machine; choose another one with --host")
            default: throw StartupError("cannot listen on \(host) port \(port): \(error)")
            }
        } catch let error as SocketAddressError {
            throw StartupError("cannot listen on \(host) port \(port): \(error); choose another address with --host")
        }
    }
}
