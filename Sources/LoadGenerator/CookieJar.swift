// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The cookies of one user: what RFC 6265 asks of a user agent, without a list of public suffixes.
///
/// Cookies are kept by name, domain and path, and go back to hosts and paths that they match; secure ones only over TLS.
/// They don't tell ports apart. Used by one thread.
final class CookieJar {
    private struct Cookie {
        var name: [UInt8]
        var value: [UInt8]
        /// In lower case, without a leading dot.
        var domain: [UInt8]
        /// For this host alone, not for those below it.
        var isHostOnly: Bool
        var path: [UInt8]
        var isSecure: Bool
        /// Unix time in seconds; nil for the life of the jar.
        var expires: Int?
    }

    /// RFC 6265, 6.1: what a user agent should keep at least.
    private static let maximumCookies = 100
    private static let maximumLength = 4_096

    /// Those with longer paths first, and then older ones.
    private var cookies: [Cookie] = []
    /// Path of the request under way, without its query: where cookies without a path of their own belong.
    private var requestPath: [UInt8] = []

    var count: Int { cookies.count }

    func removeAll() { cookies.removeAll(keepingCapacity: true) }

    // MARK: Keeping

    /// Takes the cookies that the head of an answer sets.
    func takeCookies(from head: UnsafeRawBufferPointer, target: ResolvedTarget) {
        HTTP1Head.forEachValue(of: "set-cookie", in: head) { line in
            take(line, host: target.hostBytes, isTLS: target.target.tls != nil, now: Self.now)
        }
    }

    /// `host` is in lower case, `now` is Unix time in seconds.
    func take(_ line: UnsafeRawBufferPointer, host: [UInt8], isTLS: Bool, now: Int) {
        // No control characters (RFC 6265bis, 5.6): a bare carriage return would end up in the next request's head.
        guard line.count <= Self.maximumLength, !line.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7f }),
            let (name, value) = Self.pair(in: line)
        else { return }
        var cookie = Cookie(
            name: name, value: value, domain: host, isHostOnly: true, path: Self.standardPath(requestPath),
            isSecure: false,
            expires: nil)
        var maxAge: Int?
        for attribute in line.split(separator: UInt8(ascii: ";")).dropFirst() {
            let parts = attribute.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? Self.trimmed(parts[1]) : []
            switch String(decoding: Self.trimmed(parts[0]), as: UTF8.self).lowercased() {
            case "domain":
                var domain = Array(String(decoding: value, as: UTF8.self).lowercased().utf8)
                if domain.first == UInt8(ascii: ".") { domain.removeFirst() }
                // An address, or a name like "localhost", has no names below it.
                if domain.isEmpty || domain == host && (Self.isAddress(host) || !domain.contains(UInt8(ascii: "."))) {
                    continue
                }
                // Another domain's cookie, or one for all of "com", is not for this jar.
                guard Self.matches(host: host, domain), domain.contains(UInt8(ascii: ".")), !Self.isAddress(host) else {
                    return
                }
                cookie.domain = domain
                cookie.isHostOnly = false
            case "path": if value.first == UInt8(ascii: "/") { cookie.path = value }
            case "secure": cookie.isSecure = true
            case "max-age":
                if let seconds = Int(String(decoding: value, as: UTF8.self)) { maxAge = max(-1, min(seconds, 1 << 40)) }
            case "expires": cookie.expires = CookieDate.parse(value) ?? cookie.expires
            default: break
            }
        }
        if let maxAge { cookie.expires = maxAge <= 0 ? .min : now + maxAge }
        if cookie.isSecure && !isTLS { return }
        keep(cookie, now)
    }

    private func keep(_ cookie: Cookie, _ now: Int) {
        let known = cookies.firstIndex {
            $0.name == cookie.name && $0.domain == cookie.domain && $0.path == cookie.path
                && $0.isHostOnly == cookie.isHostOnly
        }
        let isOver = cookie.expires.map { $0 <= now } ?? false
        switch (known, isOver) {
        case (let known?, true): cookies.remove(at: known)
        case (let known?, false): cookies[known] = cookie
        case (nil, true): break
        case (nil, false):
            if cookies.count == Self.maximumCookies { cookies.removeFirst() }
            let place = cookies.firstIndex { $0.path.count < cookie.path.count } ?? cookies.count
            cookies.insert(cookie, at: place)
        }
    }

    // MARK: Sending

    /// Appends the line of the `cookie` header for a request, when there are cookies for it. The request's line, with its path, is what
    /// `request` has begun with.
    func write(to request: inout RawBytes, target: ResolvedTarget) {
        write(to: &request, host: target.hostBytes, isTLS: target.target.tls != nil, now: Self.now)
    }

    /// `host` is in lower case, `now` is Unix time in seconds.
    func write(to request: inout RawBytes, host: [UInt8], isTLS: Bool, now: Int) {
        begin(request.bytes)
        if !cookies.isEmpty { append(to: &request, host: host, isTLS: isTLS, now: now) }
    }

    /// Keeps the path of a request, which has begun with its line, for the cookies of the answer.
    func begin(_ request: UnsafeRawBufferPointer) {
        requestPath.removeAll(keepingCapacity: true)
        if let start = request.firstIndex(of: 0x20) {
            requestPath += request[(start + 1)...].prefix { $0 != 0x20 && $0 != UInt8(ascii: "?") }
        }
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        return time.tv_sec
    }

    private func append(to request: inout RawBytes, host: [UInt8], isTLS: Bool, now: Int) {
        var isFirst = true
        for cookie in cookies {
            guard cookie.isHostOnly ? cookie.domain == host : Self.matches(host: host, cookie.domain),
                Self.matches(path: requestPath, cookie.path), isTLS || !cookie.isSecure,
                cookie.expires.map({ $0 > now }) ?? true
            else { continue }
            if isFirst { request.append("cookie: ") } else { request.append("; ") }
            isFirst = false
            cookie.name.withUnsafeBytes { request.append($0) }
            request.append(UInt8(ascii: "="))
            cookie.value.withUnsafeBytes { request.append($0) }
        }
        if !isFirst { request.append("\r\n") }
    }

    // MARK: Matching

    /// RFC 6265, 5.1.3.
    private static func matches(host: [UInt8], _ domain: [UInt8]) -> Bool {
        if host == domain { return true }
        let dot = host.count - domain.count - 1
        return dot >= 0 && host[dot] == UInt8(ascii: ".") && host[(dot + 1)...].elementsEqual(domain)
            && !isAddress(host)
    }

    /// RFC 6265, 5.1.4.
    private static func matches(path: [UInt8], _ prefix: [UInt8]) -> Bool {
        guard path.starts(with: prefix) else { return false }
        return path.count == prefix.count || prefix.last == UInt8(ascii: "/") || path[prefix.count] == UInt8(ascii: "/")
    }

    private static func isAddress(_ host: [UInt8]) -> Bool {
        host.contains(UInt8(ascii: ":")) || host.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    }

    /// RFC 6265, 5.1.4: the request's path up to its last slash.
    private static func standardPath(_ path: [UInt8]) -> [UInt8] {
        guard path.first == UInt8(ascii: "/"), let slash = path.lastIndex(of: UInt8(ascii: "/")),
            slash > path.startIndex
        else { return [UInt8(ascii: "/")] }
        return Array(path[..<slash])
    }

    /// Name and value at the start of a `Set-Cookie` header.
    static func pair(in line: UnsafeRawBufferPointer) -> (name: [UInt8], value: [UInt8])? {
        let pair = line.prefix { $0 != UInt8(ascii: ";") }
        guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let name = trimmed(pair[..<equals])
        return name.isEmpty ? nil : (name, trimmed(pair[(equals + 1)...]))
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var bytes = bytes.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return Array(bytes)
    }
}

/// Dates of `expires`, read as loosely as RFC 6265, 5.1.1 asks: the parts in any order.
enum CookieDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Unix time in seconds; nil for what is no date.
    static func parse(_ bytes: [UInt8]) -> Int? {
        var (day, month, year): (Int?, Int?, Int?)
        var time: [Int]?
        let tokens = bytes.split { !($0 == UInt8(ascii: ":") || isAlphanumeric($0)) }
        for token in tokens {
            let text = String(decoding: token, as: UTF8.self).lowercased()
            let fields = text.split(separator: ":").map { Int($0) }
            if time == nil, fields.count == 3, let hour = fields[0], let minute = fields[1], let second = fields[2] {
                time = [hour, minute, second]
            } else if month == nil, let found = months.firstIndex(where: { text.hasPrefix($0) }) {
                month = found + 1
            } else if day == nil, text.utf8.count <= 2, let number = Int(text) {
                day = number
            } else if year == nil, text.utf8.count <= 4, let number = Int(text) {
                year = number < 70 ? number + 2000 : number < 100 ? number + 1900 : number
            }
        }
        guard let day, let month, let year, let time, (1...31).contains(day), (1601...9999).contains(year),
            (0...23).contains(time[0]), (0...59).contains(time[1]), (0...59).contains(time[2])
        else { return nil }
        // Days since 1970 by years that begin in March, as in `RawBytes.appendISO`.
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = (shifted / 400, shifted % 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2]
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}
