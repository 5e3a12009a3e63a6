// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadGenerator

@Suite("Cookie jar")
struct CookieJarTests {
    private func target(_ host: String, tls: Bool = false) -> ResolvedTarget {
        let target = Plan.Target(name: "t", host: host, port: 80, tls: tls ? .init(rootsFile: nil) : nil)
        // The look-up succeeds.
        return try! ResolvedTarget(target, lookup: { _ in .success([]) })
    }

    /// The `cookie` line of a request; empty without one.
    private func line(_ jar: CookieJar, _ path: String, host: String, tls: Bool = false) -> String {
        var request = RawBytes()
        defer { request.free() }
        "GET \(path) HTTP/1.1\r\n".utf8.withContiguousStorageIfAvailable { request.append(UnsafeRawBufferPointer($0)) }
        let before = request.count
        jar.write(to: &request, target: target(host, tls: tls))
        return String(decoding: request.bytes[before...], as: UTF8.self).replacing("\r\n", with: "")
    }

    private func set(_ jar: CookieJar, _ cookie: String, host: String, tls: Bool = false, now: Int = 1_000) {
        Array(cookie.utf8).withUnsafeBytes { jar.take($0, host: Array(host.utf8), isTLS: tls, now: now) }
    }

    @Test(
        "a cookie goes back where it belongs",
        arguments: [
            ("a=1", "example.com", "/", "example.com", false, true),
            ("a=1", "example.com", "/", "www.example.com", false, false),
            ("a=1; Domain=example.com", "www.example.com", "/", "example.com", false, true),
            ("a=1; Domain=.Example.com", "www.example.com", "/", "api.example.com", false, true),
            ("a=1; Domain=example.com", "example.com", "/", "www.example.com", false, true),
            ("a=1; Domain=localhost", "localhost", "/", "localhost", false, true),
            ("a=1; Domain=localhost", "localhost", "/", "www.localhost", false, false),
            ("a=1; Domain=127.0.0.1", "127.0.0.1", "/", "127.0.0.1", false, true),
            ("a=1; Domain=ample.com", "example.com", "/", "example.com", false, false),
            ("a=1; Domain=other.com", "example.com", "/", "other.com", false, false),
            ("a=1; Domain=com", "example.com", "/", "example.com", false, false),
            ("a=1; Domain=0.0.1", "127.0.0.1", "/", "127.0.0.1", false, false),
            ("a=1; Path=/in", "h.com", "/in", "h.com", false, true),
            ("a=1; Path=/in", "h.com", "/in/x?y", "h.com", false, true),
            ("a=1; Path=/in", "h.com", "/inner", "h.com", false, false),
            ("a=1; Secure", "h.com", "/", "h.com", true, true), ("a=1; Max-Age=0", "h.com", "/", "h.com", false, false),
            ("a=1; Expires=Wed, 09 Jun 2021 10:18:14 GMT", "h.com", "/", "h.com", false, false),
            ("a=1; Expires=Wed, 09-Jun-99 10:18:14 GMT", "h.com", "/", "h.com", false, false),
            ("a=1; Expires=nonsense", "h.com", "/", "h.com", false, true),
            ("a=1; Expires=Wed, 09 Jun 2021 10:18:14 GMT; Max-Age=9999999999", "h.com", "/", "h.com", false, true),
            ("novalue", "h.com", "/", "h.com", false, false), ("=x", "h.com", "/", "h.com", false, false),
        ])
    func belongs(_ cookie: String, setBy: String, path: String, host: String, tls: Bool, isSent: Bool) {
        let jar = CookieJar()
        set(jar, cookie, host: setBy, tls: tls, now: 1_700_000_000)
        #expect(line(jar, path, host: host, tls: tls) == (isSent ? "cookie: a=1" : ""))
    }

    @Test("secure cookies stay away from plain connections, both ways")
    func secure() {
        let jar = CookieJar()
        set(jar, "a=1; Secure", host: "h.com", tls: false)
        #expect(jar.count == 0)
        set(jar, "a=1; Secure", host: "h.com", tls: true)
        #expect(line(jar, "/", host: "h.com").isEmpty)
    }

    @Test("longer paths come first; a cookie of the same name and place replaces the older one, or removes it")
    func order() {
        let jar = CookieJar()
        for cookie in ["a=1", "b=2; Path=/in/deep", "c=3; Path=/in", "a=4"] { set(jar, cookie, host: "h.com") }
        #expect(line(jar, "/in/deep/x", host: "h.com") == "cookie: b=2; c=3; a=4")
        set(jar, "c=; Max-Age=0; Path=/in", host: "h.com")
        #expect(line(jar, "/in/deep/x", host: "h.com") == "cookie: b=2; a=4")
    }

    @Test("without a path a cookie belongs to the request's folder")
    func standardPath() {
        let jar = CookieJar()
        _ = line(jar, "/shop/cart?x=/y", host: "h.com")
        set(jar, "a=1", host: "h.com")
        #expect(line(jar, "/shop/other", host: "h.com") == "cookie: a=1")
        #expect(line(jar, "/", host: "h.com").isEmpty)
    }

    @Test("a cookie with control characters is not kept", arguments: ["a=1\rx-evil: 1", "a=\u{0}1", "a\u{7f}=1"])
    func controlCharacters(cookie: String) {
        let jar = CookieJar()
        set(jar, cookie, host: "h.com")
        #expect(line(jar, "/", host: "h.com").isEmpty)
        set(jar, "b=1\t; Path=/", host: "h.com")
        #expect(line(jar, "/", host: "h.com") == "cookie: b=1")
    }

    @Test("a jar holds a hundred cookies")
    func bounded() {
        let jar = CookieJar()
        for number in 0..<1_000 { set(jar, "c\(number)=1", host: "h.com") }
        #expect(jar.count == 100)
    }

    @Test("dates are read as browsers do, and written as ISO 8601")
    func dates() {
        #expect(CookieDate.parse(Array("Sun, 06 Nov 1994 08:49:37 GMT".utf8)) == 784_111_777)
        #expect(CookieDate.parse(Array("Thu, 01 Jan 1970 00:00:00 GMT".utf8)) == 0)
        #expect(CookieDate.parse(Array("Tue, 29-Feb-2028 23:59:59".utf8)) == 1_835_481_599)
        #expect(CookieDate.parse(Array("32 Jan 2020 00:00:00".utf8)) == nil)
        for (seconds, expected) in [
            (784_111_777 as UInt64, "1994-11-06T08:49:37.005Z"), (0, "1970-01-01T00:00:00.005Z"),
            (1_835_481_599, "2028-02-29T23:59:59.005Z"),
        ] {
            var text = RawBytes()
            text.appendISO(seconds, 5)
            #expect(String(decoding: text.bytes, as: UTF8.self) == expected)
            text.free()
        }
    }
}
