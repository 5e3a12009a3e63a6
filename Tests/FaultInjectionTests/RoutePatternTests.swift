// SPDX-License-Identifier: Apache-2.0

import FaultInjection
import Testing

@Suite("Route patterns")
struct RoutePatternTests {
    @Test(
        "a pattern matches by method and by segments",
        arguments: [
            ("*", "GET", "/v1/posts", true),
            ("*", "POST", "/", true),
            ("GET /v1/posts", "GET", "/v1/posts", true),
            ("GET /v1/posts", "POST", "/v1/posts", false),
            ("GET /v1/posts", "GET", "/v1/posts?limit=3", true),
            ("GET /v1/posts", "GET", "/v1/posts/7", false),
            ("GET /v1/posts/*", "GET", "/v1/posts/7", true),
            ("GET /v1/posts/*", "GET", "/v1/posts/7/comments", false),
            ("/v1/posts/{id}/comments", "POST", "/v1/posts/7/comments", true),
            ("* /v1/posts/:id", "DELETE", "/v1/posts/7", true),
            ("GET /v1/**", "GET", "/v1/posts/7/comments", true),
            ("GET /v1/**", "GET", "/v1", true),
            ("GET /v1/**", "GET", "/internal/v1", false),
            ("/", "GET", "/", true),
            ("/", "GET", "/v1", false),
        ])
    func matches(pattern: String, method: String, path: String, expected: Bool) throws {
        let pattern = try #require(RoutePattern(pattern))
        #expect(pattern.matches(method: method, path: path) == expected)
    }

    @Test(
        "what is not a route is refused",
        arguments: [
            "", "v1/posts", "get /v1", "GET", "GET  v1", "GET /v1 /v2", "/v1?x=1", "/v1/**/posts", " /v1", "GET /a#b",
        ])
    func refuses(text: String) { #expect(RoutePattern(text) == nil) }
}
