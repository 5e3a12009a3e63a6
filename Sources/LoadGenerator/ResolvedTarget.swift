// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A target with the addresses that its host name has, in the order in which they are tried.
struct ResolvedTarget: Sendable {
    struct Address: Sendable {
        var family: Int32
        /// The kernel's `sockaddr`.
        var bytes: [UInt8]
    }

    var target: Plan.Target
    /// Never empty.
    var addresses: [Address]

    /// Looks the host up; blocks as long as the resolver does.
    init(_ target: Plan.Target) throws(LoadEngineError) {
        self.target = target
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
        if addresses.isEmpty {
            let reason = code == 0 ? "no address" : String(cString: gai_strerror(code))
            throw LoadEngineError(
                .unresolvable, "target \(target.name): the host name `\(target.host)` has no address: \(reason)")
        }
        self.addresses = addresses
    }
}
