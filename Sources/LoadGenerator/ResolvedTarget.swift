// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A target with the addresses that its host name has, in the order in which they are tried.
struct ResolvedTarget: Sendable {
    struct Address: Sendable, Equatable {
        var family: Int32
        /// The kernel's `sockaddr`.
        var bytes: [UInt8]
    }

    /// Code of `getaddrinfo`.
    struct LookupFailure: Error {
        var code: Int32
        var words: String { code == 0 ? "no address" : String(cString: gai_strerror(code)) }
    }

    /// Finds the addresses of a target, at least one. Blocks as long as it takes.
    typealias Lookup = @Sendable (Plan.Target) -> Result<[Address], LookupFailure>

    var target: Plan.Target
    /// Never empty.
    var addresses: [Address]
    /// CLOCK_MONOTONIC of the look-up.
    var lookedUp: UInt64
    /// The host's name in lower case, as UTF-8.
    let hostBytes: [UInt8]

    /// - Throws: when the host has no address.
    init(_ target: Plan.Target, lookup: Lookup) throws(LoadEngineError) {
        self.target = target
        hostBytes = Array(target.host.lowercased().utf8)
        let answer = lookup(target)
        lookedUp = Clock.now()
        switch answer {
        case .success(let found): addresses = found
        case .failure(let failure):
            throw LoadEngineError(
                .unresolvable, "target \(target.name): the host name `\(target.host)` has no address: \(failure.words)")
        }
    }

    /// Asks the system's resolver.
    static let system: Lookup = { target in
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(target.host, String(target.port), &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        var addresses: [Address] = []
        var entry = list
        while code == 0, let info = entry?.pointee {
            if let address = info.ai_addr {
                let bytes = UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen))
                addresses.append(Address(family: info.ai_family, bytes: Array(bytes)))
            }
            entry = info.ai_next
        }
        return addresses.isEmpty ? .failure(LookupFailure(code: code)) : .success(addresses)
    }
}

extension ResolvedTarget.Address: CustomStringConvertible {
    /// "127.0.0.1:8080" or "[::1]:8080".
    var description: String {
        var host = [CChar](repeating: 0, count: 128)
        var port = [CChar](repeating: 0, count: 16)
        let code = bytes.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return EAI_FAIL }
            // The bytes are a sockaddr as getaddrinfo made it.
            return getnameinfo(
                base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count), &host, socklen_t(host.count),
                &port, socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV)
        }
        if code != 0 { return "an address of family \(family)" }
        func text(_ bytes: [CChar]) -> String {
            String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return family == AF_INET6 ? "[\(text(host))]:\(text(port))" : "\(text(host)):\(text(port))"
    }
}
