// SPDX-License-Identifier: Apache-2.0

@main
struct CommentServiceMain {
    static func main() {}
}
