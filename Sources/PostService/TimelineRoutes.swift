// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import ServiceKit

/// Timelines: lists of posts with the names of their authors and the numbers of their comments.
///
/// Nothing is cached: every timeline asks the User Service for friends and names and the Comment Service for counts,
/// names and counts at the same time. What a failure of theirs does to a timeline is what the network is there to show.
struct TimelineRoutes: Sendable {
    let store: PostStore
    let peers: PostPeers

    func add(to router: Router<ServiceContext>) {
        router.get("/v1/timelines/home", use: home)
        router.get("/v1/users/:id/posts", use: user)
    }

    /// The caller's and the caller's friends' posts, newest first.
    @Sendable private func home(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let me = try caller.userID
        let wanted = try PageRequest(request, list: .homeTimeline)
        let friends = try await peers.friends(of: me, for: caller)
        let page = try await store.homeTimeline(
            of: friends.value + [me], seenBy: me, limit: wanted.limit, before: wanted.cursor?.position)
        return try await decorated(page, for: caller, degraded: friends.isDegraded ? ["friends"] : [])
    }

    /// The posts of one user, newest first; of a user who doesn't exist there are none.
    @Sendable private func user(_ request: Request, context: ServiceContext) async throws -> Response {
        let caller = try await context.caller(request)
        let wanted = try PageRequest(request, list: .userTimeline)
        let page = try await store.posts(
            by: context.id("id", of: "user"), seenBy: caller.userID, limit: wanted.limit,
            before: wanted.cursor?.position)
        return try await decorated(page, for: caller, degraded: [])
    }

    private func decorated(_ page: Page<Post>, for caller: Caller, degraded: [String]) async throws -> Response {
        async let askedNames = peers.names(ofAuthorsOf: page.items, for: caller)
        async let askedCounts = peers.commentCounts(of: page.items, for: caller)
        let (names, counts) = try await (askedNames, askedCounts)
        var degraded = degraded
        if names.isDegraded { degraded.append("names") }
        if counts.isDegraded { degraded.append("counts") }
        return .page(page, degraded: degraded) { json, post in
            post.write(to: &json, authorName: names.value[post.author], comments: counts.value[post.id])
        }
    }
}
