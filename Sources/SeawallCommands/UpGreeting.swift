// SPDX-License-Identifier: Apache-2.0

internal import Experiments
internal import Foundation

/// What `seawall up` prints when the network is there: where everything is, and commands to try.
struct UpGreeting {
    let state: NetworkState
    /// The network's folder as it was typed.
    let dir: String
    /// Somebody to sign in as; nil in an empty network.
    let person: PopulationPlan.User?

    var text: String {
        var lines = ["The social network is up. Ctrl-C stops it.", ""]
        for service in state.services {
            lines.append(
                "  \(service.name.padding(toLength: 8, withPad: " ", startingAt: 0)) \(service.url)   "
                    + "admin http://127.0.0.1:\(service.adminPort)")
        }
        lines += [
            "", "  certificates  \(dir)/tls/ca.pem", "  admin token   \(dir)/\(NetworkState.fileName) (adminToken)",
            "  logs          \(dir)/logs", "", "Try:", "",
        ]
        lines += examples.map { "  \($0)" }
        return lines.joined(separator: "\n")
    }

    private var examples: [String] {
        let user = url("user")
        let (name, password) = person.map { ($0.name, $0.password) } ?? ("ada", "correct-horse-7")
        let curl = "curl --cacert \(dir)/tls/ca.pem -H 'content-type: application/json'"
        var examples: [String] = []
        if person == nil {
            examples.append(
                "\(curl) \(user)/v1/users -d '{\"username\":\"\(name)\",\"password\":\"\(password)\",\"displayName\":\"Ada\"}'"
                    + " -H 'idempotency-key: \"sign-up-1\"'")
        }
        examples += [
            "TOKEN=$(\(curl) -s \(user)/v1/sessions -d '{\"username\":\"\(name)\",\"password\":\"\(password)\"}'"
                + " | sed 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/')",
            "curl --cacert \(dir)/tls/ca.pem -H \"authorization: Bearer $TOKEN\" '\(url("post"))/v1/timelines/home?limit=5'",
            "\(program) policies\(option)",
            "\(program) policies\(option) set 'post -> comment' attempt-timeout=250ms circuit-breaker=enforced",
        ]
        return examples
    }

    /// The program as it was called, so that the examples work where it is not on the path.
    private var program: String { CommandLine.arguments.first ?? "seawall" }

    private var option: String { dir == ".seawall" ? "" : " --dir \(dir)" }

    private func url(_ service: String) -> String { state.services.first { $0.name == service }?.url ?? "" }
}
